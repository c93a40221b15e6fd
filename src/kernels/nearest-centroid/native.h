// The nearest centroid of each point; see numeric.ts.
#pragma once
#include <limits>

#include "../mat-mul/native.h"

namespace ISA {

// points, centroids, assignment, scores, dim
inline void nearest_centroid(const Call& call) {
  const float *points = call.f32(0), *centroids = call.f32(1);
  int32_t* assignment = call.i32(2);
  float* scores = call.f32(3);
  const int64_t dim = call.integer(4), k = call.length(1) / dim;
  const int64_t width = (k + LANES - 1) / LANES * LANES;
  constexpr int64_t AT_ONCE = 252; // rows: a multiple of 4 and 6, and the products stay in the second-level cache
  static thread_local Scratch<float> biases;
  float* bias = biases.take(width); // ‖c‖² / 2
  for (int64_t c = 0; c < width; c++) {
    double squared = 0;
    for (int64_t d = 0; c < k && d < dim; d++) squared += double(centroids[c * dim + d]) * centroids[c * dim + d];
    bias[c] = c < k ? static_cast<float>(squared / 2) : std::numeric_limits<float>::infinity();
  }
  pool::parallel_ranges(call.length(2), AT_ONCE, [&](int64_t begin, int64_t end) {
    static thread_local Scratch<float> scratch;
    float* products = scratch.take(AT_ONCE * width);
    for (int64_t i = 0; i < AT_ONCE; i++)
      for (int64_t c = k; c < width; c++) products[i * width + c] = 0; // the multiplication leaves them alone
    multiply(end - begin, k, dim, {points + begin * dim, dim, 1}, {centroids, 1, dim}, products, width, false);
    for (int64_t i = begin; i < end; i++) {
      const float* row = products + (i - begin) * width;
      Vec least = load<LANES>(bias) - load<LANES>(row);
      Ints<LANES> block{};
      for (int64_t c = LANES; c < width; c += LANES) {
        const Vec score = load<LANES>(bias + c) - load<LANES>(row + c);
        const Ints<LANES> here = Ints<LANES>{} + static_cast<int32_t>(c);
        block = score < least ? here : block;
        least = score < least ? score : least;
      }
      float best = least[0];
      int32_t nearest = block[0];
      for (int32_t lane = 1; lane < LANES; lane++) {
        const int32_t c = block[lane] + lane;
        if (least[lane] < best || (least[lane] == best && c < nearest)) {
          best = least[lane];
          nearest = c;
        }
      }
      assignment[i] = nearest;
      scores[i] = best;
    }
  });
}

constexpr Op nearest_centroid_op = {"nearestCentroid", "ffifn", nearest_centroid};

} // namespace ISA
