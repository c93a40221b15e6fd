// Matrix products. `multiply` is the serial core that other ops use on their tiles.
#pragma once
#include <algorithm>

#include "../native/call.h"
#include "../native/pool.h"
#include "../native/scratch.h"
#include "../native/simd.h"

namespace ISA {

// Sums held in registers: ROWS × VECS of them, VECS operands of b and one of a. x64 has 32 registers with AVX-512, else 16.
#if defined(__AVX512F__)
constexpr int ROWS = 6, VECS = 4;
#elif defined(__AVX2__)
constexpr int ROWS = 6, VECS = 2;
#else
constexpr int ROWS = 4, VECS = 2;
#endif
constexpr int PANEL = VECS * LANES; // columns
constexpr int DEPTH = 256;          // rows of b multiplied before sums go back to memory: a panel stays in the cache

// Entry (i, p) is data[i · row + p · col].
struct Matrix {
  const float* data;
  int64_t row, col;
  const float* at(int64_t i, int64_t j) const { return data + i * row + j * col; }
};

// c[R, V · LANES] (+)= a[R, k] · b[k, V · LANES], rows of b `b_row` apart and contiguous.
template <int R, int V>
inline void micro(int64_t k, Matrix a, const float* b, int64_t b_row, float* c, int64_t c_row, bool add) {
  Vec acc[R][V];
#pragma GCC unroll 8
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) acc[i][j] = add ? load<LANES>(c + i * c_row + j * LANES) : Vec{};
  const float* pa = a.data;
  for (int64_t p = 0; p < k; p++) {
    Vec right[V];
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) right[j] = load<LANES>(b + j * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < R; i++) {
      const Vec left = splat<LANES>(pa[i * a.row]);
#pragma GCC unroll 8
      for (int j = 0; j < V; j++) acc[i][j] += left * right[j];
    }
    pa += a.col;
    b += b_row;
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) store<LANES>(c + i * c_row + j * LANES, acc[i][j]);
}

template <int V>
inline void micro_rows(int rows, int64_t k, Matrix a, const float* b, int64_t b_row, float* c, int64_t c_row, bool add) {
  switch (rows) {
    case 1: return micro<1, V>(k, a, b, b_row, c, c_row, add);
    case 2: return micro<2, V>(k, a, b, b_row, c, c_row, add);
    case 3: return micro<3, V>(k, a, b, b_row, c, c_row, add);
#if SIMD_LANES > 4
    case 4: return micro<4, V>(k, a, b, b_row, c, c_row, add);
    case 5: return micro<5, V>(k, a, b, b_row, c, c_row, add);
#endif
    default: return micro<ROWS, V>(k, a, b, b_row, c, c_row, add);
  }
}

inline void micro_any(int rows, int vecs, int64_t k, Matrix a, const float* b, int64_t b_row, float* c, int64_t c_row, bool add) {
  switch (vecs) {
    case 1: return micro_rows<1>(rows, k, a, b, b_row, c, c_row, add);
#if SIMD_LANES == 16
    case 2: return micro_rows<2>(rows, k, a, b, b_row, c, c_row, add);
    case 3: return micro_rows<3>(rows, k, a, b, b_row, c, c_row, add);
#endif
    default: return micro_rows<VECS>(rows, k, a, b, b_row, c, c_row, add);
  }
}

// to[i, j] = from[j, i] for 4 × 4 entries
inline void transpose4(const float* from, int64_t from_row, float* to, int64_t to_row) {
  using V = Floats<4>;
  const V a = load<4>(from), b = load<4>(from + from_row), c = load<4>(from + 2 * from_row), d = load<4>(from + 3 * from_row);
  const V ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const V cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store<4>(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  store<4>(to + to_row, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  store<4>(to + 2 * to_row, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  store<4>(to + 3 * to_row, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

// Rows p of b, columns j … j + cols, side by side and filled up with zeros to whole vectors.
inline void pack(Matrix b, int64_t k, int64_t cols, int64_t width, float* panel) {
  if (b.col == 1) {
    for (int64_t p = 0; p < k; p++) {
      std::memcpy(panel + p * width, b.data + p * b.row, cols * sizeof(float));
      for (int64_t j = cols; j < width; j++) panel[p * width + j] = 0;
    }
    return;
  }
  const int64_t square_k = b.row == 1 ? k / 4 * 4 : 0; // squares of 4 × 4 are transposed in registers
  const int64_t square_cols = cols / 4 * 4;
  for (int64_t p = 0; p < square_k; p += 4)
    for (int64_t j = 0; j < square_cols; j += 4) transpose4(b.at(p, j), b.col, panel + p * width + j, width);
  for (int64_t p = 0; p < k; p++) {
    for (int64_t j = p < square_k ? square_cols : 0; j < cols; j++) panel[p * width + j] = *b.at(p, j);
    for (int64_t j = cols; j < width; j++) panel[p * width + j] = 0;
  }
}

inline int64_t panel_width(int64_t cols) { return cols >= PANEL ? PANEL : (cols + LANES - 1) / LANES * LANES; }

// c[m, cols] (+)= a[m, k] · panel[k, width] with cols ≤ width ≤ PANEL
inline void multiply_panel(int64_t m, int64_t cols, int64_t k, Matrix a, const float* panel, int64_t b_row, float* c, int64_t c_row, bool add) {
  const int vecs = static_cast<int>((cols + LANES - 1) / LANES);
  const bool whole = cols == vecs * LANES;
  for (int64_t i = 0; i < m; i += ROWS) {
    const int rows = static_cast<int>(std::min<int64_t>(ROWS, m - i));
    const Matrix left = {a.data + i * a.row, a.row, a.col};
    if (whole) {
      micro_any(rows, vecs, k, left, panel, b_row, c + i * c_row, c_row, add);
      continue;
    }
    alignas(64) float tile[ROWS * PANEL];
    micro_any(rows, vecs, k, left, panel, b_row, tile, PANEL, false);
    for (int r = 0; r < rows; r++) {
      float* to = c + (i + r) * c_row;
      for (int64_t j = 0; j < cols; j++) to[j] = add ? to[j] + tile[r * PANEL + j] : tile[r * PANEL + j];
    }
  }
}

// c[m, n] (+)= a[m, k] · b[k, n] on one thread.
inline void multiply(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float* c, int64_t c_row, bool add) {
  static thread_local Scratch<float> scratch;
  float* panel = scratch.take(DEPTH * PANEL);
  if (k == 0 && !add)
    for (int64_t i = 0; i < m; i++) std::fill_n(c + i * c_row, n, 0.0f);
  for (int64_t p = 0; p < k; p += DEPTH) {
    const int64_t depth = std::min<int64_t>(DEPTH, k - p);
    for (int64_t j = 0; j < n; j += PANEL) {
      const int64_t cols = std::min<int64_t>(PANEL, n - j);
      const Matrix right = {b.at(p, j), b.row, b.col};
      const int64_t width = panel_width(cols);
      const bool direct = b.col == 1 && cols == width && b.row <= 512; // rows close together: read where they stand
      if (!direct) pack(right, depth, cols, width, panel);
      multiply_panel(m, cols, depth, {a.at(0, p), a.row, a.col}, direct ? right.data : panel, direct ? b.row : width,
                     c + j, c_row, add || p > 0);
    }
  }
}

// As `multiply`, on all threads. How the work is cut depends on the sizes alone.
inline void multiply_parallel(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, float* c, bool add) {
  constexpr int64_t SERIAL = 1 << 17; // multiplications not worth waking anybody for
  if (m * n * k <= SERIAL) return multiply(m, n, k, a, b, c, n, add);

  if (m * n <= 1 << 14 && k >= 2048) { // a small product of long matrices: parts of k, summed in their order
    const int64_t part = std::max<int64_t>(512, (k + 63) / 64);
    const int64_t parts = (k + part - 1) / part;
    static thread_local Scratch<float> scratch;
    float* sums = scratch.take(parts * m * n);
    pool::parallel_ranges(k, part, [&](int64_t begin, int64_t end) {
      multiply(m, n, end - begin, {a.at(0, begin), a.row, a.col}, {b.at(begin, 0), b.row, b.col}, sums + begin / part * m * n, n, false);
    });
    for (int64_t i = 0; i < m * n; i++) {
      float total = add ? c[i] : 0;
      for (int64_t s = 0; s < parts; s++) total += sums[s * m * n + i];
      c[i] = total;
    }
    return;
  }
  // blocks of c, high enough that packing b for each is small beside multiplying
  const int64_t cols = std::min<int64_t>(n, 8 * PANEL);
  const int64_t across = (n + cols - 1) / cols;
  const int64_t wanted = across >= 8 ? 768 : (m * across + 7) / 8; // eight blocks or more, where that is possible
  const int64_t rows = std::min(m, std::clamp<int64_t>((wanted + ROWS - 1) / ROWS * ROWS, 16 * ROWS, 768));
  const int64_t down = (m + rows - 1) / rows;
  pool::parallel(across * down, [&](int64_t block) {
    const int64_t i = block / across * rows;
    const int64_t j = block % across * cols;
    multiply(std::min(rows, m - i), std::min(cols, n - j), k, {a.at(i, 0), a.row, a.col}, {b.at(0, j), b.row, b.col},
             c + i * n + j, n, add);
  });
}

// a, b, out, m, n, k, transposeA, transposeB, accumulate
inline void mat_mul(const Call& call) {
  const int64_t m = call.integer(3), n = call.integer(4), k = call.integer(5);
  const Matrix a = call.flag(6) ? Matrix{call.f32(0), 1, m} : Matrix{call.f32(0), k, 1};
  const Matrix b = call.flag(7) ? Matrix{call.f32(1), 1, k} : Matrix{call.f32(1), n, 1};
  multiply_parallel(m, n, k, a, b, call.f32(2), call.flag(8));
}

constexpr Op mat_mul_op = {"matMul", "fffnnnnnn", mat_mul};

} // namespace ISA
