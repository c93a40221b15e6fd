// The stock operations that the training program calls.
#include "common.cuh"

struct UnaryArgs {
  const float *x;
  float *out;
  int size, op;
  float alpha;  // of the operations that take one
};

// the order of UNARY_OPS in elementwise.ts
enum { NEG, ABS, SQRT, RSQRT, SQUARE, EXP, LOG, RECIPROCAL, RELU, ELU, LEAKY_RELU, SIGMOID, TANH, SOFTPLUS, SIGN };

KERNEL(unary, UnaryArgs) {
  const int i = globalThread();
  if (i >= args.size) return;
  const float x = args.x[i];
  float y = x;
  switch (args.op) {
    case NEG: y = -x; break;
    case ABS: y = fabsf(x); break;
    case SQRT: y = sqrtf(x); break;
    case RSQRT: y = 1 / sqrtf(x); break;
    case SQUARE: y = x * x; break;
    case EXP: y = expf(x); break;
    case LOG: y = logf(x); break;
    case RECIPROCAL: y = 1 / x; break;
    case RELU: y = x > 0 ? x : 0; break;
    case ELU: y = x >= 0 ? x : expm1f(x); break;
    case LEAKY_RELU: y = x < 0 ? args.alpha * x : x; break;
    case SIGMOID: y = 1 / (1 + expf(-x)); break;
    case TANH: y = tanhf(x); break;
    case SOFTPLUS: y = fmaxf(x, 0) + log1pf(expf(-fabsf(x))); break;
    case SIGN: y = x > 0 ? 1 : x < 0 ? -1 : 0; break;
  }
  args.out[i] = y;
}

constexpr int MAX_RANK = 4;

struct BinaryArgs {
  const float *a, *b;
  float *out;
  int size, op;
  int shape[MAX_RANK];                       // of out, ones in front
  int strideA[MAX_RANK], strideB[MAX_RANK];  // 0 where an operand is broadcast
};

// the order of BINARY_OPS in elementwise.ts
enum { ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE, ELU_GRAD, POW };

KERNEL(binary, BinaryArgs) {
  const int i = globalThread();
  if (i >= args.size) return;
  int atA = 0, atB = 0, rest = i;
#pragma unroll
  for (int axis = MAX_RANK - 1; axis >= 0; axis--) {
    const int index = rest % args.shape[axis];
    rest /= args.shape[axis];
    atA += index * args.strideA[axis];
    atB += index * args.strideB[axis];
  }
  const float a = args.a[atA], b = args.b[atB];
  float y = 0;
  switch (args.op) {
    case ADD: y = a + b; break;
    case SUB: y = a - b; break;
    case MUL: y = a * b; break;
    case DIV: y = a / b; break;
    case MAXIMUM: y = fmaxf(a, b); break;
    case MINIMUM: y = fminf(a, b); break;
    case SQUARED_DIFFERENCE: y = (a - b) * (a - b); break;
    case ELU_GRAD: y = b >= 0 ? a : a * (b + 1); break;  // a: dy, b: elu(x)
    case POW: y = powf(a, b); break;
  }
  args.out[i] = y;
}

struct CopyArgs {
  const float *from;  // any 4-byte type
  float *to;
  int size;
  int shape[MAX_RANK];  // of what is copied
  int strideFrom[MAX_RANK], strideTo[MAX_RANK];
};

/** Slice, pad, concat and transpose: a box of one tensor to a box of another. */
KERNEL(copy_box, CopyArgs) {
  const int i = globalThread();
  if (i >= args.size) return;
  size_t from = 0, to = 0;
  int rest = i;
#pragma unroll
  for (int axis = MAX_RANK - 1; axis >= 0; axis--) {
    const int index = rest % args.shape[axis];
    rest /= args.shape[axis];
    from += static_cast<size_t>(index) * args.strideFrom[axis];
    to += static_cast<size_t>(index) * args.strideTo[axis];
  }
  args.to[to] = args.from[from];
}

struct CastArgs {
  const void *x;
  void *out;
  int size, toFloat;  // int32 to float32, or back (towards zero)
};

KERNEL(cast, CastArgs) {
  const int i = globalThread();
  if (i >= args.size) return;
  if (args.toFloat) static_cast<float *>(args.out)[i] = static_cast<float>(static_cast<const int *>(args.x)[i]);
  else static_cast<int *>(args.out)[i] = static_cast<int>(static_cast<const float *>(args.x)[i]);
}

struct SumArgs {
  const float *x;  // [outer, rows, cols], rows `rowStride` apart
  float *out;      // [outer, slices, cols]: the sums of each slice of rows
  int rows, cols, rowStride, sliceRows;
  float scale;
};

/** Sums over rows: 32 columns a block, eight threads down each. Many rows are cut into slices and summed in two launches. */
KERNEL(sum_rows, SumArgs) {
  __shared__ float partial[8][33];
  const int lane = threadIdx.x % 32, down = threadIdx.x / 32;
  const int col = blockIdx.x * 32 + lane;
  const int begin = blockIdx.y * args.sliceRows, end = min(begin + args.sliceRows, args.rows);
  const float *x = args.x + static_cast<size_t>(blockIdx.z) * args.rows * args.rowStride;
  float total = 0;
  if (col < args.cols)
    for (int r = begin + down; r < end; r += 8) total += x[static_cast<size_t>(r) * args.rowStride + col];
  partial[down][lane] = total;
  __syncthreads();
  if (down == 0 && col < args.cols) {
    for (int i = 1; i < 8; i++) total += partial[i][lane];
    args.out[(static_cast<size_t>(blockIdx.z) * gridDim.y + blockIdx.y) * args.cols + col] = args.scale * total;
  }
}

struct SumColsArgs {
  const float *x;  // [rows, cols]
  float *out;      // [rows]
  int rows, cols;
  float scale;
};

/** Sums along rows: a block of threads each. */
KERNEL(sum_cols, SumColsArgs) {
  const float *x = args.x + static_cast<size_t>(blockIdx.x) * args.cols;
  float total = 0;
  for (int c = threadIdx.x; c < args.cols; c += BLOCK) total += x[c];
  total = blockSum(total);
  if (threadIdx.x == 0) args.out[blockIdx.x] = args.scale * total;
}
