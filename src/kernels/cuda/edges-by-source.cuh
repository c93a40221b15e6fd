// Edges in the order of their source, and sums over the edges of each source: the backward pass of a gather, without
// atomics. The order comes from a stable radix sort of `colIndex`, four bits a pass.
#pragma once
#include "common.cuh"

constexpr int DIGITS = 16;
constexpr int SORT_ITEMS = 8;  // of one thread, neighbours
constexpr int SORT_TILE = BLOCK * SORT_ITEMS;

struct RadixArgs {
  const int *keys, *values;  // [E]; values null in the first pass: 0, 1, 2, …
  int *keysOut, *valuesOut;
  int *counts;  // [DIGITS, numTiles]: how often a digit occurs in a tile, later where its run begins
  int numEdges, numTiles, shift;
};

__device__ inline int digitOf(int key, int shift) { return (key >> shift) & (DIGITS - 1); }

/** Counts the digits of a thread's own items in its own column of `seen`: no two threads share a counter. */
__device__ inline void countDigits(const RadixArgs &args, int (&seen)[DIGITS * BLOCK]) {
  for (int d = 0; d < DIGITS; d++) seen[d * BLOCK + threadIdx.x] = 0;
  const int begin = blockIdx.x * SORT_TILE + threadIdx.x * SORT_ITEMS;
  const int end = min(begin + SORT_ITEMS, args.numEdges);
  for (int e = begin; e < end; e++) seen[digitOf(args.keys[e], args.shift) * BLOCK + threadIdx.x]++;
  __syncthreads();
}

/** Exclusive prefix sum over one value of each thread, in place in `shared` [BLOCK]. Returns the total. */
__device__ inline int blockScan(int (&shared)[BLOCK]) {
  const int mine = shared[threadIdx.x];
  for (int step = 1; step < BLOCK; step *= 2) {
    __syncthreads();
    const int before = static_cast<int>(threadIdx.x) >= step ? shared[threadIdx.x - step] : 0;
    __syncthreads();
    shared[threadIdx.x] += before;
  }
  __syncthreads();
  const int total = shared[BLOCK - 1];
  __syncthreads();
  shared[threadIdx.x] -= mine;
  __syncthreads();
  return total;
}

KERNEL(radix_count, RadixArgs) {
  __shared__ int seen[DIGITS * BLOCK];
  countDigits(args, seen);
  if (threadIdx.x < DIGITS) {
    int total = 0;
    for (int t = 0; t < BLOCK; t++) total += seen[threadIdx.x * BLOCK + t];
    args.counts[threadIdx.x * args.numTiles + blockIdx.x] = total;
  }
}

/** One block: counts, digit after digit, become the positions at which their runs begin. */
KERNEL(radix_scan, RadixArgs) {
  __shared__ int sums[BLOCK];
  const int length = DIGITS * args.numTiles;
  const int perThread = (length + BLOCK - 1) / BLOCK;
  const int begin = min(static_cast<int>(threadIdx.x) * perThread, length);
  const int end = min(begin + perThread, length);
  int total = 0;
  for (int i = begin; i < end; i++) total += args.counts[i];
  sums[threadIdx.x] = total;
  blockScan(sums);
  int at = sums[threadIdx.x];
  for (int i = begin; i < end; i++) {
    const int count = args.counts[i];
    args.counts[i] = at;
    at += count;
  }
}

KERNEL(radix_scatter, RadixArgs) {
  __shared__ int seen[DIGITS * BLOCK];
  __shared__ int sums[BLOCK];
  countDigits(args, seen);
  // exclusive prefix sum over all counters: digit after digit, thread after thread
  const int begin = threadIdx.x * DIGITS;
  int total = 0;
  for (int i = begin; i < begin + DIGITS; i++) total += seen[i];
  sums[threadIdx.x] = total;
  blockScan(sums);
  int at = sums[threadIdx.x];
  for (int i = begin; i < begin + DIGITS; i++) {
    const int count = seen[i];
    seen[i] = at;
    at += count;
  }
  __syncthreads();
  if (threadIdx.x < DIGITS) sums[threadIdx.x] = seen[threadIdx.x * BLOCK];  // where the digit begins in the tile
  __syncthreads();
  const int first = blockIdx.x * SORT_TILE + threadIdx.x * SORT_ITEMS;
  const int last = min(first + SORT_ITEMS, args.numEdges);
  for (int e = first; e < last; e++) {
    const int key = args.keys[e];
    const int digit = digitOf(key, args.shift);
    const int rank = seen[digit * BLOCK + threadIdx.x]++;
    const int to = args.counts[digit * args.numTiles + blockIdx.x] + rank - sums[digit];
    args.keysOut[to] = key;
    args.valuesOut[to] = args.values == nullptr ? e : args.values[e];
  }
}

struct EdgeTargetsArgs {
  const int *rowPtr, *order;  // [B + 1]; [E] edges by source
  int *targets;               // [E], overwritten: the target of each edge, in the order of `order`
  int numTargets, numEdges;
};

KERNEL(edge_targets, EdgeTargetsArgs) {
  const int p = globalThread();
  if (p < args.numEdges) args.targets[p] = rowOf(args.rowPtr, args.numTargets, args.order[p]);
}

constexpr int SOURCE_TILE = 32;  // edges by source that one group of lanes sums

/** Edges by source, and where sums over them go. A tile's first source may have begun before it: that part is carried. */
struct BySource {
  const int *sources, *order, *targets;  // [E]
  float *out;                            // [U, C]; zeros where a source has no edge
  float *carry;                          // [tiles, C]
  int numEdges, channels;

  __device__ bool beginsBefore(int position) const {
    return position > 0 && sources[position - 1] == sources[position];
  }
};

/**
 * Sums `edgeValue(source, edge, target, x)` over each run of one source in a tile of edges, for the floats at
 * `column` to `column` + width that this group holds.
 */
template <int IN_FLIGHT, int VEC, class EdgeValue>
__device__ inline void sumTile(const BySource &by, const RowLanes<VEC> &row, int tile, int column,
                               EdgeValue edgeValue) {
  const int begin = tile * SOURCE_TILE;
  const int end = min(begin + SOURCE_TILE, by.numEdges);
  Pack<VEC> total = {};
  int source = by.sources[begin];
  float *to = by.beginsBefore(begin) ? by.carry + static_cast<size_t>(tile) * by.channels
                                     : by.out + static_cast<size_t>(source) * by.channels;
  for (int p = begin; p < end; p += IN_FLIGHT) {
    Pack<VEC> x[IN_FLIGHT];
    int sources[IN_FLIGHT];
#pragma unroll
    for (int i = 0; i < IN_FLIGHT; i++) {
      const int at = min(p + i, end - 1);  // a repeated last edge keeps the loads free of branches
      sources[i] = by.sources[at];
      edgeValue(sources[i], by.order[at], by.targets[at], x[i]);
    }
#pragma unroll
    for (int i = 0; i < IN_FLIGHT; i++) {
      if (p + i >= end) break;
      if (sources[i] != source) {
        row.store(to + column, total);
        source = sources[i];
        to = by.out + static_cast<size_t>(source) * by.channels;
        total = {};
      }
#pragma unroll
      for (int k = 0; k < VEC; k++) total.at[k] += x[i].at[k];
    }
  }
  row.store(to + column, total);
}

struct CarryArgs {
  const int *sources;
  float *out, *carry;
  int numEdges, channels, numTiles;
};

/** Adds what tiles carried to the sources that began before them: one thread a channel of a source, tile after tile. */
KERNEL(add_carries, CarryArgs) {
  const int tile = globalThread() / args.channels;
  const int c = globalThread() % args.channels;
  if (tile >= args.numTiles) return;
  const BySource by = {args.sources, nullptr, nullptr, args.out, args.carry, args.numEdges, args.channels};
  const int begin = tile * SOURCE_TILE;
  if (!by.beginsBefore(begin)) return;
  const int source = args.sources[begin];
  if (tile > 1 && args.sources[begin - SOURCE_TILE] == source && by.beginsBefore(begin - SOURCE_TILE)) return;
  float total = 0;
  for (int t = tile; t < args.numTiles && args.sources[t * SOURCE_TILE] == source; t++)
    total += args.carry[static_cast<size_t>(t) * args.channels + c];
  args.out[static_cast<size_t>(source) * args.channels + c] += total;
}
