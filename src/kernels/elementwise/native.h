// Elementwise operations, sums along an axis and padding of rows: the glue between large ops, which costs more than
// they do when it is left to TypeScript.
#pragma once
#include <cmath>

#include "../native/call.h"
#include "../native/pool.h"
#include "../native/scratch.h"
#include "../native/simd.h"

namespace ISA {

constexpr int64_t ENTRIES_PER_TASK = 1 << 15;

// Numbers of operations, as kernels.ts lists them.
enum class Binary { add, sub, mul, div, elu_grad };
enum class Unary { elu, relu, sqrt, rsqrt, square, neg };

template <Binary OP>
inline Vec apply(Vec a, Vec b) {
  if constexpr (OP == Binary::add) return a + b;
  if constexpr (OP == Binary::sub) return a - b;
  if constexpr (OP == Binary::mul) return a * b;
  if constexpr (OP == Binary::div) return a / b;
  if constexpr (OP == Binary::elu_grad) return b >= 0 ? a : a * (b + 1); // a: dOut, b: ELU's output
}

inline Vec square_root(Vec x) {
  for (int l = 0; l < LANES; l++) x[l] = std::sqrt(x[l]);
  return x;
}

template <Unary OP>
inline Vec apply(Vec x) {
  if constexpr (OP == Unary::elu) return x >= 0 ? x : exp<LANES>(x) - 1;
  if constexpr (OP == Unary::relu) return x > 0 ? x : Vec{};
  if constexpr (OP == Unary::sqrt) return square_root(x);
  if constexpr (OP == Unary::rsqrt) return 1 / square_root(x);
  if constexpr (OP == Unary::square) return x * x;
  if constexpr (OP == Unary::neg) return -x;
}

// `count` entries of out; an operand with step 0 stands for one value
template <Binary OP>
inline void apply_row(const float* a, int64_t a_step, const float* b, int64_t b_step, float* out, int64_t count) {
  each_vector(count, [&](int64_t i, auto some) {
    const Vec left = a_step == 0 ? splat<LANES>(*a) : load_part(a + i, some);
    const Vec right = b_step == 0 ? splat<LANES>(*b) : load_part(b + i, some);
    store_part(out + i, apply<OP>(left, right), some);
  });
}

template <Binary OP>
inline void binary_as(const Call& call) {
  const float *a = call.f32(0), *b = call.f32(1);
  float* out = call.f32(2);
  const int64_t rows = call.integer(4), cols = call.integer(5);
  const int64_t a_row = call.integer(6), a_col = call.integer(7), b_row = call.integer(8), b_col = call.integer(9);
  if (rows == 1) {
    pool::parallel_ranges(cols, ENTRIES_PER_TASK, [&](int64_t begin, int64_t end) {
      apply_row<OP>(a + begin * a_col, a_col, b + begin * b_col, b_col, out + begin, end - begin);
    });
    return;
  }
  pool::parallel_ranges(rows, ENTRIES_PER_TASK / (cols < 1 ? 1 : cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) apply_row<OP>(a + i * a_row, a_col, b + i * b_row, b_col, out + i * cols, cols);
  });
}

template <Unary OP>
inline void unary_as(const Call& call) {
  const float* x = call.f32(0);
  float* out = call.f32(1);
  pool::parallel_ranges(call.length(1), ENTRIES_PER_TASK, [&](int64_t begin, int64_t end) {
    each_vector(end - begin, [&](int64_t i, auto some) {
      store_part(out + begin + i, apply<OP>(load_part(x + begin + i, some)), some);
    });
  });
}

// a, b, out [rows, cols], operation, rows, cols, and the steps of a and b from row to row and column to column (0: one
// value serves all)
inline void binary(const Call& call) {
  switch (static_cast<Binary>(call.integer(3))) {
    case Binary::add: return binary_as<Binary::add>(call);
    case Binary::sub: return binary_as<Binary::sub>(call);
    case Binary::mul: return binary_as<Binary::mul>(call);
    case Binary::div: return binary_as<Binary::div>(call);
    case Binary::elu_grad: return binary_as<Binary::elu_grad>(call);
  }
}

// x, out, operation
inline void unary(const Call& call) {
  switch (static_cast<Unary>(call.integer(2))) {
    case Unary::elu: return unary_as<Unary::elu>(call);
    case Unary::relu: return unary_as<Unary::relu>(call);
    case Unary::sqrt: return unary_as<Unary::sqrt>(call);
    case Unary::rsqrt: return unary_as<Unary::rsqrt>(call);
    case Unary::square: return unary_as<Unary::square>(call);
    case Unary::neg: return unary_as<Unary::neg>(call);
  }
}

// x [rows, cols], out [rows]
inline void sum_rows(const Call& call) {
  const float* x = call.f32(0);
  float* out = call.f32(1);
  const int64_t rows = call.length(1), cols = call.integer(2);
  pool::parallel_ranges(rows, ENTRIES_PER_TASK / (cols < 1 ? 1 : cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      double total = 0;
      for (int64_t j = 0; j < cols; j += 1024) { // float sums of a thousand, so that long rows stay exact
        const int64_t stop = cols - j < 1024 ? cols : j + 1024;
        Vec part{};
        each_vector(stop - j, [&](int64_t k, auto some) { part += load_part(x + i * cols + j + k, some); });
        total += sum<LANES>(part);
      }
      out[i] = static_cast<float>(total);
    }
  });
}

// x [rows, cols], out [cols]
inline void sum_cols(const Call& call) {
  const float* x = call.f32(0);
  float* out = call.f32(1);
  const int64_t cols = call.length(1), rows = cols == 0 ? 0 : call.length(0) / cols;
  constexpr int64_t PART = 512; // rows
  const int64_t parts = (rows + PART - 1) / PART;
  static thread_local Scratch<float> scratch;
  float* sums = scratch.take(parts * cols);
  pool::parallel_ranges(rows, PART, [&](int64_t begin, int64_t end) {
    float* part = sums + begin / PART * cols;
    for (int64_t j = 0; j < cols; j++) part[j] = 0;
    for (int64_t i = begin; i < end; i++)
      for (int64_t j = 0; j < cols; j++) part[j] += x[i * cols + j];
  });
  for (int64_t j = 0; j < cols; j++) {
    double total = 0;
    for (int64_t p = 0; p < parts; p++) total += sums[p * cols + j];
    out[j] = static_cast<float>(total);
  }
}

constexpr Op elementwise_ops[] = {
    {"binary", "fffnnnnnnn", binary},
    {"unary", "ffn", unary},
    {"sumRows", "ffn", sum_rows},
    {"sumCols", "ff", sum_cols},
};

} // namespace ISA
