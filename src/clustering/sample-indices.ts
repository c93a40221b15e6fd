import type { Random } from '../core/random.js';

/** `size` different integers from [0, count), ascending; all of them where `size` >= `count`. O(size log size). */
export function sampleIndices(count: number, size: number, random: Random): Uint32Array {
  if (size >= count) return new Uint32Array(count).map((_, at) => at);
  const chosen = new Set<number>(); // Floyd's algorithm: every subset is equally likely, nothing of size `count` is made
  for (let top = count - size; top < count; top++) {
    const draw = random.below(top + 1);
    chosen.add(chosen.has(draw) ? top : draw);
  }
  return Uint32Array.from(chosen).sort();
}
