import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleIndices } from '../../src/clustering/sample-indices.js';
import { Random } from '../../src/core/random.js';

describe('sampleIndices', () => {
  it('gives different integers in range, ascending, as many as asked for or as there are', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(60), fc.nat(), (count, size, seed) => {
        const ids = [...sampleIndices(count, size, new Random(seed))];
        expect(ids.length).toBe(Math.min(count, size));
        expect(ids).toEqual([...new Set(ids)].filter((id) => id < count).sort((a, b) => a - b));
      }),
      { seed: 1 },
    );
  });

  it('draws each integer equally often', () => {
    const random = new Random(1);
    const hits = new Array(10).fill(0);
    for (let round = 0; round < 4000; round++) for (const id of sampleIndices(10, 3, random)) hits[id]++;
    for (const count of hits) expect(Math.abs(count - 1200)).toBeLessThan(150); // 5 standard deviations
  });
});
