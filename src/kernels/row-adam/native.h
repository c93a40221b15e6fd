// AdamW on whole parameters and on rows of a table, and the gather before it; see numeric.ts.
#pragma once
#include <cmath>

#include "../native/call.h"
#include "../native/pool.h"

namespace ISA {

constexpr int64_t ROWS_AHEAD = 4; // rows stand anywhere in a table: fetched before their turn

inline void prefetch_row(const float* row, int64_t dim) {
  for (int64_t d = 0; d < dim; d += 16) __builtin_prefetch(row + d);
}

struct Adam {
  float keep, beta1, rest1, beta2, rest2, epsilon, rate, root_correction;

  // learningRate, beta1, beta2, epsilon, weightDecay, step from argument `i` on
  Adam(const Call& call, int i)
      : keep(static_cast<float>(1 - call.number(i) * call.number(i + 4))),
        beta1(static_cast<float>(call.number(i + 1))),
        rest1(static_cast<float>(1 - call.number(i + 1))),
        beta2(static_cast<float>(call.number(i + 2))),
        rest2(static_cast<float>(1 - call.number(i + 2))),
        epsilon(static_cast<float>(call.number(i + 3))),
        rate(static_cast<float>(call.number(i) / (1 - std::pow(call.number(i + 1), call.number(i + 5))))),
        root_correction(static_cast<float>(1 / std::sqrt(1 - std::pow(call.number(i + 2), call.number(i + 5))))) {}

  void update(float* __restrict param, float* __restrict m, float* __restrict v, const float* __restrict grad, int64_t count) const {
    for (int64_t d = 0; d < count; d++) {
      const float g = grad[d];
      m[d] = beta1 * m[d] + rest1 * g;
      v[d] = beta2 * v[d] + rest2 * g * g;
      param[d] = keep * param[d] - rate * m[d] / (std::sqrt(v[d]) * root_correction + epsilon);
    }
  }
};

// param, m, v, grad, learningRate, beta1, beta2, epsilon, weightDecay, step
inline void adam(const Call& call) {
  const Adam adam(call, 4);
  pool::parallel_ranges(call.length(0), 1 << 15, [&](int64_t begin, int64_t end) {
    adam.update(call.f32(0) + begin, call.f32(1) + begin, call.f32(2) + begin, call.f32(3) + begin, end - begin);
  });
}

// table, m, v, rows, grad, dim, learningRate, beta1, beta2, epsilon, weightDecay, step; rows are distinct
inline void row_adam(const Call& call) {
  const Adam adam(call, 6);
  const int32_t* rows = call.i32(3);
  const float* grad = call.f32(4);
  const int64_t dim = call.integer(5);
  float *table = call.f32(0), *m = call.f32(1), *v = call.f32(2);
  pool::parallel_ranges(call.length(3), 512, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t at = rows[i] * dim;
      if (i + ROWS_AHEAD < end)
        for (float* array : {table, m, v}) prefetch_row(array + rows[i + ROWS_AHEAD] * dim, dim);
      adam.update(table + at, m + at, v + at, grad + i * dim, dim);
    }
  });
}

// table, rows, out, dim
inline void gather_rows(const Call& call) {
  const float* table = call.f32(0);
  const int32_t* rows = call.i32(1);
  float* out = call.f32(2);
  const int64_t dim = call.integer(3);
  pool::parallel_ranges(call.length(1), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      if (i + ROWS_AHEAD < end) prefetch_row(table + rows[i + ROWS_AHEAD] * dim, dim);
      std::memcpy(out + i * dim, table + rows[i] * dim, dim * sizeof(float));
    }
  });
}

constexpr Op row_adam_ops[] = {
    {"adam", "ffffnnnnnn", adam},
    {"rowAdam", "fffifnnnnnnn", row_adam},
    {"gatherRows", "fifn", gather_rows},
};

} // namespace ISA
