import fc from 'fast-check';
import { expect, it } from 'vitest';
import { capped, plainText } from '../../src/llm/plain-text.js';

it('leaves nothing invisible in any text, and changes nothing the second time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const plain = plainText(text);
      expect(plain).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(plainText(plain)).toBe(plain);
    }),
    { seed: 1, numRuns: 1000 },
  );
});

it('keeps other scripts', () => {
  expect(plainText('  日本語 \n Ελλάδα\u200b ')).toBe('日本語 Ελλάδα');
});

it('cuts to the length it is told, between characters', () => {
  expect(capped('abc', 3)).toBe('abc');
  expect(capped('abcd', 3)).toBe('ab…');
  expect(capped('a😀b', 3)).toBe('a…');
});
