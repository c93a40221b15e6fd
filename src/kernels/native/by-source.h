// Edges of a compressed-sparse-row block, sorted by the source they point at: who owns a row of a gradient sums it up
// alone and in the order of the edges, so no two threads write to one place and the bits are always the same.
#pragma once
#include "scratch.h"

struct EdgesBySource {
  const int32_t* ptr;    // [U + 1]; source r holds positions ptr[r] to ptr[r + 1]
  const int32_t* edge;   // [E] ascending inside a source
  const int32_t* target; // [E]
};

inline EdgesBySource edges_by_source(const int32_t* row_ptr, int64_t num_targets, const int32_t* col_index, int64_t num_edges, int64_t num_sources) {
  static thread_local Scratch<int32_t> scratch;
  int32_t* ptr = scratch.take(num_sources + 2 + 2 * num_edges);
  int32_t* edge = ptr + num_sources + 2;
  int32_t* target = edge + num_edges;
  for (int64_t r = 0; r < num_sources + 2; r++) ptr[r] = 0;
  for (int64_t e = 0; e < num_edges; e++) ptr[col_index[e] + 2]++;
  for (int64_t r = 0; r < num_sources; r++) ptr[r + 2] += ptr[r + 1];
  for (int64_t b = 0; b < num_targets; b++)
    for (int32_t e = row_ptr[b]; e < row_ptr[b + 1]; e++) {
      const int32_t at = ptr[col_index[e] + 1]++; // afterwards ptr[r + 1] is the end of source r
      edge[at] = e;
      target[at] = static_cast<int32_t>(b);
    }
  return {ptr, edge, target};
}
