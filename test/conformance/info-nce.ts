import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { type InfoNceTargets, infoNce } from '../../src/kernels/info-nce/op.js';
import {
  expectClose,
  expectNoLeak,
  FORWARD,
  float1d,
  float2d,
  GRADIENT,
  golden,
  int1d,
  normals,
  numericGradient,
  rowPtrOf,
} from './numbers.js';

interface Case {
  readonly dim: number;
  readonly temperature: number;
  readonly y: number[];
  readonly c: number[];
  readonly logQ: number[];
  readonly posPtr: number[];
  readonly posIndex: number[];
  readonly maskPtr: number[];
  readonly maskIndex: number[];
}

interface Batch {
  readonly links: { positives: number; masked: number }[]; // per user
  readonly numCandidates: number;
  readonly dim: number;
  readonly temperature: number;
  readonly seed: number;
}

/** Users with no, one and several positives; masks that hit positives; repeated entries. */
const batches = fc.record<Batch>({
  links: fc.array(fc.record({ positives: fc.nat(3), masked: fc.nat(4) }), { maxLength: 6 }),
  numCandidates: fc.integer({ min: 1, max: 7 }),
  dim: fc.integer({ min: 1, max: 4 }),
  temperature: fc.constantFrom(0.1, 0.5, 1),
  seed: fc.nat(),
});

function caseOf({ links, numCandidates, dim, temperature, seed }: Batch): Case {
  const random = new Random(seed);
  const posPtr = rowPtrOf(links.map((link) => link.positives));
  const maskPtr = rowPtrOf(links.map((link) => link.masked));
  const candidates = (length: number) => Array.from({ length }, () => random.below(numCandidates));
  return {
    dim,
    temperature,
    y: normals(random, links.length * dim),
    c: normals(random, numCandidates * dim),
    logQ: normals(random, numCandidates),
    posPtr,
    posIndex: candidates(posPtr[links.length]),
    maskPtr,
    maskIndex: candidates(maskPtr[links.length]),
  };
}

/** The definition, user by user, in float64. */
function oracle(g: Case): number {
  const losses: number[] = [];
  for (let b = 0; b + 1 < g.posPtr.length; b++) {
    const positives = g.posIndex.slice(g.posPtr[b], g.posPtr[b + 1]);
    if (positives.length === 0) continue;
    const masked = g.maskIndex.slice(g.maskPtr[b], g.maskPtr[b + 1]).filter((m) => !positives.includes(m));
    const logits = g.logQ.map((q, m) => {
      let product = 0;
      for (let d = 0; d < g.dim; d++) product += g.y[b * g.dim + d] * g.c[m * g.dim + d];
      return product / g.temperature - (positives.includes(m) ? 0 : q);
    });
    const kept = logits.filter((_, m) => !masked.includes(m));
    const max = Math.max(...kept);
    const logSumExp = max + Math.log(kept.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
    losses.push(positives.reduce((sum, p) => sum + logSumExp - logits[p], 0) / Math.sqrt(positives.length));
  }
  return losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, losses.length);
}

function tensorsOf(g: Case) {
  return {
    y: float2d(g.y, [g.posPtr.length - 1, g.dim]),
    c: float2d(g.c, [g.logQ.length, g.dim]),
    targets: {
      posPtr: int1d(g.posPtr),
      posIndex: int1d(g.posIndex),
      maskPtr: int1d(g.maskPtr),
      maskIndex: int1d(g.maskIndex),
      logQ: float1d(g.logQ),
    } satisfies InfoNceTargets,
  };
}

function lossOf(g: Case): number {
  return tf.tidy(() => {
    const { y, c, targets } = tensorsOf(g);
    return infoNce(y, c, targets, g).dataSync()[0];
  });
}

/** dY and dC, for a loss multiplied by `dLoss`. */
function gradients(g: Case, dLoss = 1): Float32Array[] {
  return tf.tidy(() => {
    const { y, c, targets } = tensorsOf(g);
    const f = (users: tf.Tensor, candidates: tf.Tensor) =>
      infoNce(users as tf.Tensor2D, candidates as tf.Tensor2D, targets, g);
    return tf
      .grads(f)([y, c], tf.scalar(dLoss))
      .map((d) => d.dataSync<'float32'>());
  });
}

const plain = (overrides: Partial<Case> = {}): Case => ({
  ...caseOf({ links: [{ positives: 1, masked: 0 }], numCandidates: 3, dim: 2, temperature: 0.5, seed: 1 }),
  ...overrides,
});

export function describeInfoNce(): void {
  it('follows the definition on ragged positives and masks', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const g = caseOf(batch);
        expectClose([lossOf(g)], [oracle(g)], FORWARD);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('has the gradients that central differences give', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const g = caseOf(batch);
        const [dY, dC] = gradients(g, 3);
        const loss = (changed: Partial<Case>) => 3 * oracle({ ...g, ...changed });
        expectClose(
          dY,
          numericGradient((y) => loss({ y }), g.y),
          GRADIENT,
        );
        expectClose(
          dC,
          numericGradient((c) => loss({ c }), g.c),
          GRADIENT,
        );
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it('agrees with cross entropy of PyTorch, forward and backward', () => {
    const g = golden<Case & { loss: number; dY: number[]; dC: number[] }>('info-nce');
    expectClose([lossOf(g)], [g.loss], FORWARD);
    const [dY, dC] = gradients(g);
    expectClose(dY, g.dY, FORWARD);
    expectClose(dC, g.dC, FORWARD);
  });

  it('gives the same for many users as for each of them, across blocks', () => {
    const links = Array.from({ length: 300 }, (_, b) => ({ positives: b % 3, masked: b % 4 }));
    const g = caseOf({ links, numCandidates: 9, dim: 3, temperature: 0.2, seed: 3 });
    expectClose([lossOf(g)], [oracle(g)], FORWARD);
    const anchors = links.filter((link) => link.positives > 0).length;
    const [dY, dC] = gradients(g);
    const summed = new Float64Array(dC.length);
    links.forEach((_, b) => {
      const alone: Case = {
        ...g,
        y: g.y.slice(b * 3, (b + 1) * 3),
        posPtr: [0, g.posPtr[b + 1] - g.posPtr[b]],
        posIndex: g.posIndex.slice(g.posPtr[b], g.posPtr[b + 1]),
        maskPtr: [0, g.maskPtr[b + 1] - g.maskPtr[b]],
        maskIndex: g.maskIndex.slice(g.maskPtr[b], g.maskPtr[b + 1]),
      };
      const [dYAlone, dCAlone] = gradients(alone, 1 / anchors);
      expectClose(dY.subarray(b * 3, (b + 1) * 3), dYAlone, FORWARD);
      for (let i = 0; i < dCAlone.length; i++) summed[i] += dCAlone[i];
    });
    expectClose(dC, summed, FORWARD);
  });

  it('is the log of the number of candidates where all logits are equal', () => {
    const g = plain({ y: [0, 0], logQ: [0, 0, 0] });
    expect(lossOf(g)).toBeCloseTo(Math.log(3), 6);
  });

  it('leaves masked candidates out, but never a positive', () => {
    const masked = plain({ y: [0, 0], logQ: [0, 0, 0], posIndex: [1], maskPtr: [0, 2], maskIndex: [1, 2] });
    expect(lossOf(masked)).toBeCloseTo(Math.log(2), 6);
    const [, dC] = gradients({ ...masked, y: [1, 1] });
    expect([...dC.subarray(4, 6)]).toEqual([0, 0]);
    const onlyPositive = { ...masked, maskPtr: [0, 3], maskIndex: [0, 1, 2] };
    expect(lossOf(onlyPositive)).toBe(0);
  });

  it('is 0 with gradients of 0 for users without positives', () => {
    const g = plain({ posPtr: [0, 0], posIndex: [] });
    expect(lossOf(g)).toBe(0);
    for (const d of gradients(g)) expect(d.every((x) => x === 0)).toBe(true);
    const nobody = caseOf({ links: [], numCandidates: 2, dim: 2, temperature: 1, seed: 1 });
    expect(lossOf(nobody)).toBe(0);
  });

  it.each([80, 1e4])('stays finite with logits of ±%d', (size) => {
    const g = plain({ y: [size, 0], c: [1, 0, -1, 0, 1, 0], temperature: 1, posIndex: [1], logQ: [0, 0, 0] });
    expectClose([lossOf(g)], [oracle(g)], FORWARD);
    for (const d of gradients(g)) expect(d.every(Number.isFinite)).toBe(true);
  });

  it('lets a negative that is drawn one time in n stand for n, and a positive for itself', () => {
    const g = plain({ y: [0, 0], posIndex: [0], logQ: [-5, Math.log(1 / 4), Math.log(1 / 10)] });
    expect(lossOf(g)).toBeCloseTo(Math.log(1 + 4 + 10), 6);
  });

  it('leaves no tensors behind', () => {
    const g = plain();
    const { y, c, targets } = tensorsOf(g);
    const users = tf.variable(y);
    expectNoLeak(() => {
      const { value, grads } = tf.variableGrads(() => infoNce(users as tf.Tensor2D, c, targets, g), [users]);
      tf.dispose([value, grads]);
    });
  });

  it('refuses inputs that do not fit together', () => {
    const g = plain();
    const { y, c, targets } = tensorsOf(g);
    const refused = (changed: Partial<InfoNceTargets>, code: string) =>
      expect(() => infoNce(y, c, { ...targets, ...changed }, g)).toThrow(expect.objectContaining({ code }));
    refused({ logQ: float1d([0, 0]) }, 'ERR_SHAPE');
    refused({ posPtr: int1d([0, 1, 1]) }, 'ERR_SHAPE');
    refused({ posPtr: int1d([0, 2]) }, 'ERR_INDEX');
    refused({ posIndex: int1d([3]) }, 'ERR_INDEX');
    refused({ maskPtr: int1d([0, 1]) }, 'ERR_INDEX');
    refused({ maskPtr: int1d([0, 1]), maskIndex: int1d([-1]) }, 'ERR_INDEX');
    refused({ logQ: float1d([0, -Infinity, 0]) }, 'ERR_RANGE');
    expect(() => infoNce(y, c, targets, { temperature: 0 })).toThrow(expect.objectContaining({ code: 'ERR_RANGE' }));
    expect(() => infoNce(y, float2d([1, 2, 3], [3, 1]), targets, g)).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE' }),
    );
  });
}
