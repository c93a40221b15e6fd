import type { Random } from '../../src/core/random.js';

/** N unit vectors around k random directions, clusters of unequal size, and a share of noise without direction. */
export function plantOnSphere(
  k: number,
  numPoints: number,
  dim: number,
  { noise, spread, random }: { noise: number; spread: number; random: Random },
): { points: Float32Array; label: Int32Array } {
  const direction = (): number[] => unit(Array.from({ length: dim }, () => random.normal()));
  const centers = Array.from({ length: k }, direction);
  const slots = centers.flatMap((_, c) => Array.from({ length: 1 + (c % 4) }, () => c)); // sizes 1 : 2 : 3 : 4
  const points = new Float32Array(numPoints * dim);
  const label = new Int32Array(numPoints).fill(-1);
  for (let i = 0; i < numPoints; i++) {
    let x = direction();
    if (k > 0 && random.float() >= noise) {
      label[i] = slots[random.below(slots.length)];
      x = unit(centers[label[i]].map((value) => value + (spread * random.normal()) / Math.sqrt(dim)));
    }
    points.set(x, i * dim);
  }
  return { points, label };
}

function unit(x: number[]): number[] {
  const length = Math.hypot(...x);
  return x.map((value) => value / length);
}

/** N × D standard normal numbers. */
export function normalPoints(numPoints: number, dim: number, random: Random): Float32Array {
  return Float32Array.from({ length: numPoints * dim }, () => random.normal());
}
