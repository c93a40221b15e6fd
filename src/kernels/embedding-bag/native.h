// Means of rows, and their gradient; see numeric.ts.
#pragma once
#include <algorithm>

#include "../native/by-source.h"
#include "../native/call.h"
#include "../native/pool.h"
#include "../native/scratch.h"
#include "../native/simd.h"

namespace ISA {

// to += share · from
inline void add_row(float* to, float share, const float* from, int64_t dim) {
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES) store<LANES>(to + d, load<LANES>(to + d) + share * load<LANES>(from + d));
  for (; d < dim; d++) to[d] += share * from[d];
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
      float* row = out + b * dim;
      std::fill_n(row, dim, 0.0f);
      const float scale = bags.scale(b);
      for (int32_t e = bags.row_ptr[b]; e < bags.row_ptr[b + 1]; e++)
        add_row(row, bags.weight(e) * scale, x + bags.col_index[e] * dim, dim);
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
    for (int64_t r = begin; r < end; r++) {
      float* row = d_x + r * dim;
      std::fill_n(row, dim, 0.0f);
      for (int32_t i = edges.ptr[r]; i < edges.ptr[r + 1]; i++)
        add_row(row, bags.weight(edges.edge[i]) * scale[edges.target[i]], d_out + edges.target[i] * dim, dim);
    }
  });
}

constexpr Op embedding_bag_ops[] = {
    {"embeddingBag", "fiiffn", embedding_bag},
    {"embeddingBagGrad", "fiiffn", embedding_bag_grad},
};

} // namespace ISA
