// Weighted means of rows and their gradient; the meaning is in numeric.ts. A group of lanes works on one bag.
#include "../cuda/edges-by-source.cuh"

struct BagArgs {
  const float *x, *weights;  // [U, D]; [E] or null
  const int *rowPtr, *colIndex;
  float *out;    // [B, D], written by the forward pass
  float *scale;  // [B]: 1 over the weight of a bag, 0 where that is 0; written by embedding_bag_scale
  const float *dOut;
  const int *sources, *order, *targets;  // [E] edges by source
  float *dX, *carry;
  int numBags, numEdges, dim, lanes;
};

KERNEL(embedding_bag_scale, BagArgs) {
  const int b = globalThread();
  if (b >= args.numBags) return;
  float total = 0;
  if (args.weights == nullptr) total = static_cast<float>(args.rowPtr[b + 1] - args.rowPtr[b]);
  else
    for (int e = args.rowPtr[b]; e < args.rowPtr[b + 1]; e++) total += args.weights[e];
  args.scale[b] = total > 0 ? 1 / total : 0;
}

/** First column of the block's slice of 32 · VEC columns: long rows are worked on slice by slice (blockIdx.y). */
template <int VEC>
__device__ inline int firstColumn() {
  return blockIdx.y * 32 * VEC;
}

template <int VEC>
__device__ inline RowLanes<VEC> bagLanes(const BagArgs &args) {
  return {args.lanes, static_cast<int>(threadIdx.x) % args.lanes, args.dim - firstColumn<VEC>()};
}

template <int VEC>
__device__ inline void bag(const BagArgs &args) {
  const int column = firstColumn<VEC>();
  const RowLanes<VEC> row = bagLanes<VEC>(args);
  const int b = globalThread() / args.lanes;
  if (b >= args.numBags) return;
  const int begin = args.rowPtr[b], end = args.rowPtr[b + 1];
  const float scale = args.scale[b];
  Pack<VEC> sum = {};
  for (int e = begin; e < end; e += UNROLL) {
    Pack<VEC> x[UNROLL];
#pragma unroll
    for (int i = 0; i < UNROLL; i++)
      row.load(args.x + static_cast<size_t>(args.colIndex[min(e + i, end - 1)]) * args.dim + column, x[i]);
#pragma unroll
    for (int i = 0; i < UNROLL; i++) {
      if (e + i >= end) break;
      const float share = scale * (args.weights == nullptr ? 1 : args.weights[e + i]);
#pragma unroll
      for (int k = 0; k < VEC; k++) sum.at[k] += share * x[i].at[k];
    }
  }
  row.store(args.out + static_cast<size_t>(b) * args.dim + column, sum);
}

template <int VEC>
__device__ inline void bagGrad(const BagArgs &args) {
  const int column = firstColumn<VEC>();
  const RowLanes<VEC> row = bagLanes<VEC>(args);
  const int tile = globalThread() / args.lanes;
  if (tile >= (args.numEdges + SOURCE_TILE - 1) / SOURCE_TILE) return;
  const BySource by = {args.sources, args.order, args.targets, args.dX, args.carry, args.numEdges, args.dim};
  sumTile<UNROLL>(by, row, tile, column, [&](int, int e, int b, Pack<VEC> &x) {
    const float share = args.scale[b] * (args.weights == nullptr ? 1 : args.weights[e]);
    row.load(args.dOut + static_cast<size_t>(b) * args.dim + column, x);
#pragma unroll
    for (int k = 0; k < VEC; k++) x.at[k] *= share;
  });
}

KERNEL(embedding_bag_4, BagArgs) { bag<4>(args); }  // rows whose length is a multiple of 4
KERNEL(embedding_bag_1, BagArgs) { bag<1>(args); }
KERNEL(embedding_bag_grad_4, BagArgs) { bagGrad<4>(args); }
KERNEL(embedding_bag_grad_1, BagArgs) { bagGrad<1>(args); }
