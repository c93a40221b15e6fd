// Means of rows, and their gradient; see numeric.ts.
#pragma once
#include <algorithm>

#include "../native/by-source.h"
#include "../native/call.h"
#include "../native/pool.h"
#include "../native/scratch.h"
#include "../native/simd.h"

namespace ISA {

// out = Σ over i of share(i) · x[row(i)], rows of `dim`. Sums stay in registers, rows to come are fetched ahead.
template <typename Row, typename Share>
inline void sum_weighted_rows(float* out, int64_t dim, const float* x, int64_t begin, int64_t end, Row&& row, Share&& share) {
  constexpr int AHEAD = 6, BLOCK = 4 * LANES;
  int64_t d = 0;
  for (; d + BLOCK <= dim; d += BLOCK) {
    Vec total[4] = {};
    for (int64_t i = begin; i < end; i++) {
      const float* ahead = x + row(i + AHEAD < end ? i + AHEAD : i) * dim + d;
      for (int k = 0; k < BLOCK; k += 16) __builtin_prefetch(ahead + k);
      const float* from = x + row(i) * dim + d;
      const float weight = share(i);
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) total[k] += weight * load<LANES>(from + k * LANES);
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) store<LANES>(out + d + k * LANES, total[k]);
  }
  if (d == dim) return;
  std::fill(out + d, out + dim, 0.0f);
  for (int64_t i = begin; i < end; i++)
    for (int64_t k = d; k < dim; k++) out[k] += share(i) * x[row(i) * dim + k];
}

struct Bags {
  const int32_t *row_ptr, *col_index;
  const float* weights; // null: every edge weighs 1
  int64_t num_bags;

  float weight(int64_t e) const { return weights == nullptr ? 1.0f : weights[e]; }
  // 1 / Σ weights of a bag; 0 where they sum to 0
  float scale(int64_t b) const {
    float total = 0;
    if (weights == nullptr) total = static_cast<float>(row_ptr[b + 1] - row_ptr[b]);
    else
      for (int32_t e = row_ptr[b]; e < row_ptr[b + 1]; e++) total += weights[e];
    return total > 0 ? 1 / total : 0;
  }
};

inline Bags bags_of(const Call& call) {
  return {call.i32(1), call.i32(2), call.length(3) == 0 ? nullptr : call.f32(3), call.length(1) - 1};
}

// x, rowPtr, colIndex, weights (none: length 0), out, dim
inline void embedding_bag(const Call& call) {
  const Bags bags = bags_of(call);
  const float* x = call.f32(0);
  float* out = call.f32(4);
  const int64_t dim = call.integer(5);
  pool::parallel_ranges(bags.num_bags, 128, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
      const float scale = bags.scale(b);
      sum_weighted_rows(
          out + b * dim, dim, x, bags.row_ptr[b], bags.row_ptr[b + 1], [&](int64_t e) { return int64_t{bags.col_index[e]}; },
          [&](int64_t e) { return bags.weight(e) * scale; });
    }
  });
}

// dOut, rowPtr, colIndex, weights (none: length 0), dX, dim
inline void embedding_bag_grad(const Call& call) {
  const Bags bags = bags_of(call);
  const float* d_out = call.f32(0);
  float* d_x = call.f32(4);
  const int64_t dim = call.integer(5), num_rows = call.length(4) / std::max<int64_t>(1, dim);
  static thread_local Scratch<float> scales;
  float* scale = scales.take(bags.num_bags);
  for (int64_t b = 0; b < bags.num_bags; b++) scale[b] = bags.scale(b);
  const EdgesBySource edges = edges_by_source(bags.row_ptr, bags.num_bags, bags.col_index, call.length(2), num_rows);
  pool::parallel_ranges(num_rows, 256, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++)
      sum_weighted_rows(
          d_x + r * dim, dim, d_out, edges.ptr[r], edges.ptr[r + 1], [&](int64_t i) { return int64_t{edges.target[i]}; },
          [&](int64_t i) { return bags.weight(edges.edge[i]) * scale[edges.target[i]]; });
  });
}

constexpr Op embedding_bag_ops[] = {
    {"embeddingBag", "fiiffn", embedding_bag},
    {"embeddingBagGrad", "fiiffn", embedding_bag_grad},
};

} // namespace ISA
