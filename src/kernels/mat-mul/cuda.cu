// out = op(A) · op(B) in float32 on the CUDA cores. Tall, thin products (a gradient of a weight: few outputs, long sums)
// are cut along k into `gridDim.z` slices, which sum_rows adds in order.
#include "../cuda/common.cuh"

constexpr int TILE_M = 128, TILE_N = 64, TILE_K = 16;
constexpr int PER_M = 8, PER_N = 4;  // outputs of one thread
constexpr int THREADS_N = TILE_N / PER_N;

struct MatMulArgs {
  const float *a, *b;
  float *out;           // [slices, m, n], overwritten
  int m, n, k, sliceK;  // slice s sums k in [s · sliceK, (s + 1) · sliceK)
  int transposeA, transposeB;
};

KERNEL(mat_mul, MatMulArgs) {
  __shared__ float tileA[TILE_K][TILE_M + 4];  // the padding keeps transposed stores off one another's banks
  __shared__ float tileB[TILE_K][TILE_N + 4];
  const int firstM = blockIdx.x * TILE_M, firstN = blockIdx.y * TILE_N;
  const int beginK = blockIdx.z * args.sliceK;
  const int endK = min(beginK + args.sliceK, args.k);
  const int row = threadIdx.x / THREADS_N * PER_M, col = threadIdx.x % THREADS_N * PER_N;
  float sum[PER_M][PER_N] = {};
  for (int k0 = beginK; k0 < endK; k0 += TILE_K) {
#pragma unroll
    for (int i = threadIdx.x; i < TILE_M * TILE_K; i += BLOCK) {
      const int m = args.transposeA ? i % TILE_M : i / TILE_K;  // neighbours read neighbours, either way
      const int k = args.transposeA ? i / TILE_M : i % TILE_K;
      const int atM = firstM + m, atK = k0 + k;
      float x = 0;
      if (atM < args.m && atK < endK)
        x = args.a[args.transposeA ? static_cast<size_t>(atK) * args.m + atM : static_cast<size_t>(atM) * args.k + atK];
      tileA[k][m] = x;
    }
#pragma unroll
    for (int i = threadIdx.x; i < TILE_N * TILE_K; i += BLOCK) {
      const int n = args.transposeB ? i / TILE_K : i % TILE_N;
      const int k = args.transposeB ? i % TILE_K : i / TILE_N;
      const int atN = firstN + n, atK = k0 + k;
      float x = 0;
      if (atN < args.n && atK < endK)
        x = args.b[args.transposeB ? static_cast<size_t>(atN) * args.k + atK : static_cast<size_t>(atK) * args.n + atN];
      tileB[k][n] = x;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < TILE_K; k++) {
      float a[PER_M], b[PER_N];
#pragma unroll
      for (int i = 0; i < PER_M; i++) a[i] = tileA[k][row + i];
#pragma unroll
      for (int j = 0; j < PER_N; j++) b[j] = tileB[k][col + j];
#pragma unroll
      for (int i = 0; i < PER_M; i++)
#pragma unroll
        for (int j = 0; j < PER_N; j++) sum[i][j] += a[i] * b[j];
    }
    __syncthreads();
  }
  float *out = args.out + static_cast<size_t>(blockIdx.z) * args.m * args.n;
#pragma unroll
  for (int i = 0; i < PER_M; i++)
#pragma unroll
    for (int j = 0; j < PER_N; j++)
      if (firstM + row + i < args.m && firstN + col + j < args.n)
        out[static_cast<size_t>(firstM + row + i) * args.n + firstN + col + j] = sum[i][j];
}
