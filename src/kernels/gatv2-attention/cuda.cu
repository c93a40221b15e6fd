// GATv2 attention and its gradient; the meaning is in numeric.ts. A group of lanes works on one head of one target and
// keeps that head's parameters in registers while it walks from target to target.
#include "../cuda/edges-by-source.cuh"

constexpr int MAX_EDGE_FEATURES = 8;
constexpr int GRAD_UNROLL = 2;  // an edge costs the gradient many registers: fewer rows in flight, more threads

struct GatV2Args {
  const float *z, *t, *edgeFeatures, *edgeWeight, *attn;  // as in numeric.ts
  const int *rowPtr, *colIndex;
  const float *out, *attention, *dOut;   // read by the gradient
  float *outWritten, *attentionWritten;  // by the forward pass
  float *dLogit;                         // [E, H], written by the gradient's target pass, read by its source pass
  float *dT;
  float *partials;                       // [blocks, 1 + F, C]: dAttn and dEdgeWeight, summed over blocks afterwards
  const int *sources, *order, *targets;  // [E] edges by source
  float *dZ, *carry;
  int numTargets, numEdges, numHeads, headDim, edgeDim, lanes, slotsPerBlock;
  float negativeSlope;
};

/** One head's part of the inputs, as the lanes of a group hold it. */
template <int VEC>
struct Head {
  const GatV2Args &args;
  RowLanes<VEC> row;
  int slot, head, column, channels;
  Pack<VEC> attn;
  Pack<VEC> edgeWeight[MAX_EDGE_FEATURES];

  /** `slot` counts the targets or tiles that are worked on at once; threads beyond the last whole slot of a block idle. */
  __device__ explicit Head(const GatV2Args &a) : args(a) {
    const int perSlot = a.numHeads * a.lanes;
    const int inBlock = threadIdx.x / perSlot;
    const int inSlot = threadIdx.x % perSlot;
    slot = inBlock < a.slotsPerBlock ? static_cast<int>(blockIdx.x) * a.slotsPerBlock + inBlock : 0x7fffffff;
    head = inSlot / a.lanes;
    row = {a.lanes, inSlot % a.lanes, a.headDim};
    column = head * a.headDim;
    channels = a.numHeads * a.headDim;
    row.load(a.attn + column, attn);
#pragma unroll
    for (int f = 0; f < MAX_EDGE_FEATURES; f++)
      if (f < a.edgeDim) row.load(a.edgeWeight + f * channels + column, edgeWeight[f]);
  }

  __device__ const float *part(const float *matrix, int i) const {
    return matrix + static_cast<size_t>(i) * channels + column;
  }

  __device__ void preActivation(int e, const Pack<VEC> &z, const Pack<VEC> &t, Pack<VEC> &u) const {
#pragma unroll
    for (int k = 0; k < VEC; k++) u.at[k] = z.at[k] + t.at[k];
#pragma unroll
    for (int f = 0; f < MAX_EDGE_FEATURES; f++) {
      if (f >= args.edgeDim) break;
      const float feature = args.edgeFeatures[static_cast<size_t>(e) * args.edgeDim + f];
#pragma unroll
      for (int k = 0; k < VEC; k++) u.at[k] += feature * edgeWeight[f].at[k];
    }
  }

  __device__ float slope(float u) const { return u > 0 ? 1.0f : args.negativeSlope; }
};

/** Online softmax: one walk over a target's edges, one read of each source row. */
template <int VEC>
__device__ inline void attend(const GatV2Args &args) {
  const Head<VEC> head(args);
  const RowLanes<VEC> &row = head.row;
  const int numSlots = gridDim.x * args.slotsPerBlock;
  for (int b = head.slot; b < args.numTargets; b += numSlots) {
    Pack<VEC> t, sum = {};
    row.load(head.part(args.t, b), t);
    const int begin = args.rowPtr[b], end = args.rowPtr[b + 1];
    float max = NEGATIVE_INFINITY, total = 0;
    for (int e = begin; e < end; e += UNROLL) {
      Pack<VEC> z[UNROLL];
      float logit[UNROLL];
#pragma unroll
      for (int i = 0; i < UNROLL; i++) row.load(head.part(args.z, args.colIndex[min(e + i, end - 1)]), z[i]);
#pragma unroll
      for (int i = 0; i < UNROLL; i++) {
        Pack<VEC> u;
        head.preActivation(min(e + i, end - 1), z[i], t, u);
#pragma unroll
        for (int k = 0; k < VEC; k++) u.at[k] *= head.slope(u.at[k]);
        logit[i] = row.sum(dot(u, head.attn));
        if (e + i >= end) logit[i] = NEGATIVE_INFINITY;
        else if (row.lane == 0)
          args.attentionWritten[static_cast<size_t>(e + i) * args.numHeads + head.head] = logit[i];
      }
      float larger = max;
#pragma unroll
      for (int i = 0; i < UNROLL; i++) larger = fmaxf(larger, logit[i]);
      const float keep = expf(max - larger);
      max = larger;
      total *= keep;
#pragma unroll
      for (int k = 0; k < VEC; k++) sum.at[k] *= keep;
#pragma unroll
      for (int i = 0; i < UNROLL; i++) {
        const float p = expf(logit[i] - max);
        total += p;
#pragma unroll
        for (int k = 0; k < VEC; k++) sum.at[k] += p * z[i].at[k];
      }
    }
    if (begin < end)
#pragma unroll
      for (int k = 0; k < VEC; k++) sum.at[k] /= total;
    row.store(args.outWritten + static_cast<size_t>(b) * head.channels + head.column, sum);
    __syncwarp(row.mask());  // the logits that lane 0 wrote
    for (int e = begin + row.lane; e < end; e += row.lanes) {
      float &attention = args.attentionWritten[static_cast<size_t>(e) * args.numHeads + head.head];
      attention = expf(attention - max) / total;
    }
  }
}

/** dT, dLogit and the partial sums of dAttn and dEdgeWeight: by target. The mean of dα under the attention is dOut · out. */
template <int VEC>
__device__ inline void attendGradByTarget(const GatV2Args &args) {
  const Head<VEC> head(args);
  const RowLanes<VEC> &row = head.row;
  Pack<VEC> dAttn = {}, dEdgeWeight[MAX_EDGE_FEATURES] = {};
  const int numSlots = gridDim.x * args.slotsPerBlock;
  for (int b = head.slot; b < args.numTargets; b += numSlots) {
    Pack<VEC> t, dOut, out, dT = {};
    row.load(head.part(args.t, b), t);
    row.load(head.part(args.dOut, b), dOut);
    row.load(head.part(args.out, b), out);
    const float mean = row.sum(dot(dOut, out));
    const int begin = args.rowPtr[b], end = args.rowPtr[b + 1];
    for (int e = begin; e < end; e += GRAD_UNROLL) {
      Pack<VEC> z[GRAD_UNROLL];
#pragma unroll
      for (int i = 0; i < GRAD_UNROLL; i++) row.load(head.part(args.z, args.colIndex[min(e + i, end - 1)]), z[i]);
#pragma unroll
      for (int i = 0; i < GRAD_UNROLL; i++) {
        if (e + i >= end) break;
        const size_t at = static_cast<size_t>(e + i) * args.numHeads + head.head;
        const float dLogit = args.attention[at] * (row.sum(dot(dOut, z[i])) - mean);
        if (row.lane == 0) args.dLogit[at] = dLogit;
        Pack<VEC> u;
        head.preActivation(e + i, z[i], t, u);
#pragma unroll
        for (int k = 0; k < VEC; k++) {
          const float through = dLogit * head.slope(u.at[k]);
          dAttn.at[k] += through * u.at[k];
          u.at[k] = through * head.attn.at[k];  // du from here on
          dT.at[k] += u.at[k];
        }
#pragma unroll
        for (int f = 0; f < MAX_EDGE_FEATURES; f++) {
          if (f >= args.edgeDim) break;
          const float feature = args.edgeFeatures[static_cast<size_t>(e + i) * args.edgeDim + f];
#pragma unroll
          for (int k = 0; k < VEC; k++) dEdgeWeight[f].at[k] += feature * u.at[k];
        }
      }
    }
    row.store(args.dT + static_cast<size_t>(b) * head.channels + head.column, dT);
  }

  // the slots of a block, then (by sum_rows) the blocks
  __shared__ Pack<VEC> shared[BLOCK];
  const int perSlot = args.numHeads * args.lanes;
#pragma unroll
  for (int f = -1; f < MAX_EDGE_FEATURES; f++) {
    if (f >= args.edgeDim) break;
    shared[threadIdx.x] = f < 0 ? dAttn : dEdgeWeight[f < 0 ? 0 : f];
    __syncthreads();
    if (static_cast<int>(threadIdx.x) < perSlot) {
      Pack<VEC> total = {};
      for (int slot = 0; slot < args.slotsPerBlock; slot++)
#pragma unroll
        for (int k = 0; k < VEC; k++) total.at[k] += shared[slot * perSlot + threadIdx.x].at[k];
      const size_t at = static_cast<size_t>(blockIdx.x) * (1 + args.edgeDim) + f + 1;
      row.store(args.partials + at * head.channels + head.column, total);
    }
    __syncthreads();
  }
}

/** dZ: by source. A source's edges lie side by side; what they need of their targets is read again. */
template <int VEC>
__device__ inline void attendGradBySource(const GatV2Args &args) {
  const Head<VEC> head(args);
  const RowLanes<VEC> &row = head.row;
  if (head.slot >= (args.numEdges + SOURCE_TILE - 1) / SOURCE_TILE) return;
  const BySource by = {args.sources, args.order, args.targets, args.dZ, args.carry, args.numEdges, head.channels};
  sumTile<GRAD_UNROLL>(by, row, head.slot, head.column, [&](int source, int e, int b, Pack<VEC> &x) {
    Pack<VEC> z, t, u;
    row.load(head.part(args.z, source), z);
    row.load(head.part(args.t, b), t);
    row.load(head.part(args.dOut, b), x);
    const size_t at = static_cast<size_t>(e) * args.numHeads + head.head;
    const float attention = args.attention[at], dLogit = args.dLogit[at];
    head.preActivation(e, z, t, u);
#pragma unroll
    for (int k = 0; k < VEC; k++) x.at[k] = attention * x.at[k] + dLogit * head.slope(u.at[k]) * head.attn.at[k];
  });
}

#define GATV2_KERNELS(VEC)                                                                   \
  KERNEL(gatv2_attention_##VEC, GatV2Args) { attend<VEC>(args); }                            \
  KERNEL(gatv2_attention_grad_by_target_##VEC, GatV2Args) { attendGradByTarget<VEC>(args); } \
  KERNEL(gatv2_attention_grad_by_source_##VEC, GatV2Args) { attendGradBySource<VEC>(args); }
GATV2_KERNELS(4)  // heads of up to 128 channels, a multiple of 4
GATV2_KERNELS(1)  // other heads of up to 32
