import { matMul } from '../mat-mul/numeric.js';

/** Sizes: B users, M candidates, D dimensions, P positives, K masked pairs. */
export interface InfoNceInputs {
  readonly dim: number; // D
  readonly temperature: number; // > 0
  readonly y: Float32Array; // [B, D] users
  readonly c: Float32Array; // [M, D] candidates
  readonly posPtr: Int32Array; // [B + 1]; user b holds positives posPtr[b] to posPtr[b + 1], end excluded
  readonly posIndex: Int32Array; // [P], in [0, M)
  readonly maskPtr: Int32Array; // [B + 1], like posPtr
  readonly maskIndex: Int32Array; // [K], in [0, M): no negatives of that user; a positive among them stays in
  readonly logQ: Float32Array; // [M], finite: log of the expected sampling probability of a negative
}

const BLOCK_USERS = 128; // logits of that many users are held at a time: 128 · M floats

/**
 * Sampled-softmax contrastive loss (InfoNCE, van den Oord et al., arXiv 1807.03748) with logQ correction (Yi et al.,
 * RecSys 2019) and several positives per user:
 *
 *     logits_bm = y_b · c_m / temperature − logQ_m, without logQ where m is a positive of b
 *     loss_b    = −Σ over p in pos(b) of log softmax(logits_b)[p] / √|pos(b)|, the softmax over all m not masked
 *
 * A user's own positives are among the candidates for certain, whatever their sampling probability, so they stand for
 * themselves alone. Corrected like the others, a rare positive would outweigh its own competition and teach nothing.
 * The root weighs users between "each the same" and "each link the same"; on link prediction it beat both.
 *
 * @param dY float32 [B, D], overwritten: derivative of the result with respect to y
 * @param dC float32 [M, D], overwritten: derivative of the result with respect to c
 * @returns the mean of loss_b over the users with a positive; 0 if there are none
 */
export function infoNce(inputs: InfoNceInputs, dY: Float32Array, dC: Float32Array): number {
  const { dim, temperature, y, c, posPtr, posIndex } = inputs;
  const numCandidates = c.length / dim;
  const numAnchors = Math.max(1, countAnchors(posPtr));
  const scale = 1 / (numAnchors * temperature);
  let total = 0;
  dC.fill(0);

  forEachUser(
    inputs,
    (b, logits) => {
      const begin = posPtr[b];
      const end = posPtr[b + 1];
      const root = Math.sqrt(end - begin);
      const logSumExp = logSumExpOf(logits);
      let positives = 0;
      for (let p = begin; p < end; p++) positives += logits[posIndex[p]];
      total += ((end - begin) * logSumExp - positives) / root;
      for (let m = 0; m < numCandidates; m++) logits[m] = scale * root * Math.exp(logits[m] - logSumExp);
      for (let p = begin; p < end; p++) logits[posIndex[p]] -= scale / root;
    },
    (begin, end, dLogits) => {
      const users = end - begin;
      const yBlock = y.subarray(begin * dim, end * dim);
      const dYBlock = dY.subarray(begin * dim, end * dim);
      matMul({ m: users, n: dim, k: numCandidates }, dLogits, c, dYBlock);
      matMul({ m: numCandidates, n: dim, k: users, transposeA: true, accumulate: true }, dLogits, yBlock, dC);
    },
  );
  return total / numAnchors;
}

/**
 * Computes the logits block by block and hands over those of each user with a positive, masked pairs at −Infinity.
 *
 * @param visit    gets a user and its logits [M], which it may overwrite
 * @param endBlock gets users `begin` to `end` and what `visit` left of their logits; zeros for users it did not see
 */
function forEachUser(
  inputs: InfoNceInputs,
  visit: (b: number, logits: Float32Array) => void,
  endBlock: (begin: number, end: number, logits: Float32Array) => void,
): void {
  const { dim, temperature, y, c, posPtr, posIndex, maskPtr, maskIndex, logQ } = inputs;
  const numUsers = posPtr.length - 1;
  const numCandidates = logQ.length;
  const block = new Float32Array(Math.min(BLOCK_USERS, numUsers) * numCandidates);
  const positives = new Float32Array(posIndex.length);

  for (let begin = 0; begin < numUsers; begin += BLOCK_USERS) {
    const end = Math.min(begin + BLOCK_USERS, numUsers);
    const yBlock = y.subarray(begin * dim, end * dim);
    matMul({ m: end - begin, n: numCandidates, k: dim, transposeB: true }, yBlock, c, block);
    for (let b = begin; b < end; b++) {
      const logits = block.subarray((b - begin) * numCandidates, (b - begin + 1) * numCandidates);
      if (posPtr[b] === posPtr[b + 1]) {
        logits.fill(0);
        continue;
      }
      for (let p = posPtr[b]; p < posPtr[b + 1]; p++) positives[p] = logits[posIndex[p]] / temperature;
      for (let m = 0; m < numCandidates; m++) logits[m] = logits[m] / temperature - logQ[m];
      for (let k = maskPtr[b]; k < maskPtr[b + 1]; k++) logits[maskIndex[k]] = -Infinity;
      for (let p = posPtr[b]; p < posPtr[b + 1]; p++) logits[posIndex[p]] = positives[p];
      visit(b, logits);
    }
    endBlock(begin, end, block.subarray(0, (end - begin) * numCandidates));
  }
}

function logSumExpOf(logits: Float32Array): number {
  let max = -Infinity; // subtracted below, so that exp cannot overflow
  for (let m = 0; m < logits.length; m++) if (logits[m] > max) max = logits[m];
  let total = 0;
  for (let m = 0; m < logits.length; m++) total += Math.exp(logits[m] - max);
  return max + Math.log(total);
}

/** Number of users with a positive. */
function countAnchors(posPtr: Int32Array): number {
  let count = 0;
  for (let b = 0; b < posPtr.length - 1; b++) if (posPtr[b + 1] > posPtr[b]) count++;
  return count;
}
