// Rows of a table and Adam on them; the meaning is in numeric.ts.
#include "../cuda/common.cuh"

struct RowsArgs {
  float *table;
  const int *rows;  // [N]
  float *out;       // [N, D]
  int numRows, dim;
};

KERNEL(gather_rows, RowsArgs) {
  const int i = globalThread();
  if (i >= args.numRows * args.dim) return;
  args.out[i] = args.table[static_cast<size_t>(args.rows[i / args.dim]) * args.dim + i % args.dim];
}

struct AdamArgs {
  float *param, *m, *v;  // [V, D], updated in place
  const int *rows;       // [N], each at most once; null for all of 0 … N − 1
  const float *grad;     // [N, D]
  int numRows, dim;
  float beta1, beta2, epsilon, keep, rate, rootCorrection;  // as numeric.ts computes them from options and step
};

KERNEL(row_adam, AdamArgs) {
  const int i = globalThread();
  if (i >= args.numRows * args.dim) return;
  const int row = args.rows == nullptr ? i / args.dim : args.rows[i / args.dim];
  const size_t at = static_cast<size_t>(row) * args.dim + i % args.dim;
  const float g = args.grad[i];
  const float first = args.beta1 * args.m[at] + (1 - args.beta1) * g;
  const float second = args.beta2 * args.v[at] + (1 - args.beta2) * g * g;
  args.m[at] = first;
  args.v[at] = second;
  args.param[at] =
      args.keep * args.param[at] - args.rate * first / (sqrtf(second) / args.rootCorrection + args.epsilon);
}
