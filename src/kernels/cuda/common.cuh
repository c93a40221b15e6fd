// What all kernels share. No header is included, so that NVRTC compiles them without a CUDA toolkit, and a host compiler
// does so behind a header that emulates threads (test/kernels/cuda/emulation.h).
//
// A kernel takes one struct: device pointers first, then int and float members. The host packs it by that rule.
// Every sum is taken in an order that depends on the shapes alone: no float atomics, so that the same inputs give the
// same bytes on one kind of device.
#pragma once

#ifndef KERNEL
#define KERNEL(name, Args) extern "C" __global__ void __launch_bounds__(256, 2) name(const Args args)
#endif

#define NEGATIVE_INFINITY (-__int_as_float(0x7f800000))

constexpr int BLOCK = 256;  // threads of every launch
constexpr int UNROLL = 4;   // rows in flight per lane: hides the latency of gathers

__device__ inline int globalThread() { return blockIdx.x * BLOCK + threadIdx.x; }

/** VEC neighbouring floats, loaded and stored as one access. */
template <int VEC>
struct Pack {
  float at[VEC];
};

template <int VEC>
__device__ inline Pack<VEC> load(const float *from);
template <>
__device__ inline Pack<1> load<1>(const float *from) {
  return {{from[0]}};
}
template <>
__device__ inline Pack<4> load<4>(const float *from) {
  const float4 x = *reinterpret_cast<const float4 *>(from);
  return {{x.x, x.y, x.z, x.w}};
}

template <int VEC>
__device__ inline void store(float *to, const Pack<VEC> &x);
template <>
__device__ inline void store<1>(float *to, const Pack<1> &x) {
  to[0] = x.at[0];
}
template <>
__device__ inline void store<4>(float *to, const Pack<4> &x) {
  *reinterpret_cast<float4 *>(to) = make_float4(x.at[0], x.at[1], x.at[2], x.at[3]);
}

/**
 * The lanes that share one row of `width` floats, up to 32 · VEC of them: `lanes` (a power of two) neighbours in one warp,
 * of which lane l holds floats l · VEC to + VEC. Lanes beyond the row hold zeros.
 */
template <int VEC>
struct RowLanes {
  int lanes, lane, width;

  __device__ void load(const float *row, Pack<VEC> &x) const {
    if (lane * VEC < width) x = ::load<VEC>(row + lane * VEC);
    else x = {};
  }

  __device__ void store(float *row, const Pack<VEC> &x) const {
    if (lane * VEC < width) ::store<VEC>(row + lane * VEC, x);
  }

  __device__ unsigned mask() const {
    const unsigned first = threadIdx.x % 32 - lane;
    return lanes == 32 ? 0xffffffffu : ((1u << lanes) - 1) << first;
  }

  /** Sum over the lanes of the group; every lane gets it. */
  __device__ float sum(float x) const {
    const unsigned members = mask();
    for (int other = lanes / 2; other > 0; other /= 2) x += __shfl_xor_sync(members, x, other);
    return x;
  }
};

template <int VEC>
__device__ inline float dot(const Pack<VEC> &a, const Pack<VEC> &b) {
  float total = 0;
#pragma unroll
  for (int i = 0; i < VEC; i++) total += a.at[i] * b.at[i];
  return total;
}

/** The last row that begins at or before `position`; rowPtr [numRows + 1] ascending, position < rowPtr[numRows]. */
__device__ inline int rowOf(const int *rowPtr, int numRows, int position) {
  int low = 0, high = numRows;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (rowPtr[middle] <= position) low = middle;
    else high = middle;
  }
  return low;
}

/** Block-wide sum in a fixed order; every thread of the block must call it, every thread gets it. */
__device__ inline float blockSum(float x) {
  __shared__ float partial[BLOCK];
  partial[threadIdx.x] = x;
  __syncthreads();
  for (int half = BLOCK / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  const float total = partial[0];
  __syncthreads();  // before the next call writes again
  return total;
}

/** Block-wide maximum, like blockSum. */
__device__ inline float blockMax(float x) {
  __shared__ float partial[BLOCK];
  partial[threadIdx.x] = x;
  __syncthreads();
  for (int half = BLOCK / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) partial[threadIdx.x] = fmaxf(partial[threadIdx.x], partial[threadIdx.x + half]);
    __syncthreads();
  }
  const float largest = partial[0];
  __syncthreads();
  return largest;
}
