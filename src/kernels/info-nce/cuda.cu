// The loss over one block of users whose products y · c lie in `logits`; the meaning is in numeric.ts. One block of
// threads a user.
#include "../cuda/common.cuh"

struct InfoNceArgs {
  float *logits;      // [users, M]: products in, derivatives of the loss out
  const float *logQ;  // [M]
  const int *posPtr, *posIndex, *maskPtr, *maskIndex;
  float *positives;  // [P] scratch: logits of the positives
  float *loss;       // [B]
  int firstUser, numCandidates;
  float temperature, scale;  // scale: 1 / (anchors · temperature)
};

/** A user's rows and lists. */
struct User {
  int b, posBegin, posEnd;
  float *logits;

  __device__ explicit User(const InfoNceArgs &args)
      : b(args.firstUser + blockIdx.x),
        posBegin(args.posPtr[b]),
        posEnd(args.posPtr[b + 1]),
        logits(args.logits + static_cast<size_t>(blockIdx.x) * args.numCandidates) {}
};

/** Keeps the logits of the positives and takes them, like what is masked, out of the row. */
__device__ inline void setApart(const InfoNceArgs &args, const User &user) {
  for (int p = user.posBegin + threadIdx.x; p < user.posEnd; p += BLOCK)
    args.positives[p] = user.logits[args.posIndex[p]] / args.temperature;
  __syncthreads();
  for (int p = user.posBegin + threadIdx.x; p < user.posEnd; p += BLOCK)
    user.logits[args.posIndex[p]] = NEGATIVE_INFINITY;
  for (int k = args.maskPtr[user.b] + threadIdx.x; k < args.maskPtr[user.b + 1]; k += BLOCK)
    user.logits[args.maskIndex[k]] = NEGATIVE_INFINITY;
  __syncthreads();
}

/** How often positive p occurs among its user's, told by the first of them; 0 for the others. */
__device__ inline int multiplicity(const InfoNceArgs &args, const User &user, int p) {
  int count = 0;
  for (int q = user.posBegin; q < user.posEnd; q++)
    if (args.posIndex[q] == args.posIndex[p]) {
      if (q < p) return 0;
      count++;
    }
  return count;
}

KERNEL(info_nce, InfoNceArgs) {
  const User user(args);
  if (user.posBegin == user.posEnd) {  // all threads of the block alike
    for (int m = threadIdx.x; m < args.numCandidates; m += BLOCK) user.logits[m] = 0;
    if (threadIdx.x == 0) args.loss[user.b] = 0;
    return;
  }
  setApart(args, user);
  float max = NEGATIVE_INFINITY, total = 0, positives = 0;
  for (int m = threadIdx.x; m < args.numCandidates; m += BLOCK) {
    const float logit = user.logits[m] / args.temperature - args.logQ[m];
    if (logit > max) {
      total = total * expf(max - logit) + 1;
      max = logit;
    } else if (logit > NEGATIVE_INFINITY) total += expf(logit - max);
  }
  for (int p = user.posBegin + threadIdx.x; p < user.posEnd; p += BLOCK) {
    const float logit = args.positives[p];
    positives += logit;
    if (multiplicity(args, user, p) == 0) continue;
    if (logit > max) {
      total = total * expf(max - logit) + 1;
      max = logit;
    } else total += expf(logit - max);
  }
  const float largest = blockMax(max);  // finite: there is a positive
  const float sum = blockSum(max == NEGATIVE_INFINITY ? 0 : total * expf(max - largest));
  const float positivesSum = blockSum(positives);
  const float logSumExp = largest + logf(sum);
  const float count = static_cast<float>(user.posEnd - user.posBegin);
  const float root = sqrtf(count);
  if (threadIdx.x == 0) args.loss[user.b] = (count * logSumExp - positivesSum) / root;

  for (int m = threadIdx.x; m < args.numCandidates; m += BLOCK)  // exp(−∞) = 0: no gradient where masked
    user.logits[m] = args.scale * root * expf(user.logits[m] / args.temperature - args.logQ[m] - logSumExp);
  __syncthreads();
  for (int p = user.posBegin + threadIdx.x; p < user.posEnd; p += BLOCK) {
    const int times = multiplicity(args, user, p);
    if (times > 0)
      user.logits[args.posIndex[p]] =
          args.scale * (root * expf(args.positives[p] - logSumExp) - static_cast<float>(times) / root);
  }
}
