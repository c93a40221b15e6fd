import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { SnippetSample } from '../../src/reddit/snippets.js';
import { scanBytes } from './scan-chunks.js';

interface Text {
  readonly subreddit: number;
  readonly userHi: number;
  readonly userLo: number;
  readonly createdUtc: number;
  readonly text: string;
}

function sampleOf(texts: readonly Text[]): Map<number, string[]> {
  const sample = new SnippetSample();
  for (const { subreddit, userHi, userLo, createdUtc, text } of texts)
    sample.offer(subreddit, userHi, userLo, createdUtc, () => text);
  return new Map([...sample.entries()].map(([subreddit, kept]) => [subreddit, kept.map(({ text }) => text).sort()]));
}

const random = new Random(1);
const textOf = (i: number): Text => ({
  subreddit: random.below(3),
  userHi: random.uint32(),
  userLo: random.uint32(),
  createdUtc: random.below(1e9),
  text: `text number ${i} that says a little something`,
});

describe('a sample of texts', () => {
  it('keeps all of few, the same number of many, and depends on no order', () => {
    const texts = Array.from({ length: 3000 }, (_, i) => textOf(i));
    const whole = sampleOf(texts);
    for (const kept of whole.values()) expect(kept.length).toBe(256);
    expect(sampleOf(texts.toReversed())).toEqual(new Map([...whole].reverse()));
    expect([...sampleOf(texts.slice(0, 5)).values()].flat().length).toBe(5);
  });

  it('is the same when parts are sampled first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), (cut) => {
        const texts = Array.from({ length: 2000 }, (_, i) => textOf(i));
        const parts = [texts.slice(0, cut), texts.slice(cut)].map((part) => {
          const sample = new SnippetSample();
          for (const { subreddit, userHi, userLo, createdUtc, text } of part)
            sample.offer(subreddit, userHi, userLo, createdUtc, () => text);
          return [...sample.entries()].flatMap(([subreddit, kept]) => kept.map((one) => ({ ...one, subreddit })));
        });
        const sorted = (sample: Map<number, string[]>) => [...sample].sort(([a], [b]) => a - b);
        expect(sorted(sampleOf(parts.flat()))).toEqual(sorted(sampleOf(texts)));
      }),
      { seed: 1, numRuns: 10 },
    );
  });

  it('leaves out what is too short and cuts what is long, between characters', () => {
    const one = (text: string) =>
      sampleOf([{ ...textOf(0), text }])
        .values()
        .next().value?.[0];
    expect(one('short')).toBe(undefined);
    expect(one('x'.repeat(1000))?.length).toBe(400);
    expect(one(`${'x'.repeat(399)}🙂`)).toBe('x'.repeat(399));
  });

  it.each(['wasm', 'typescript', 'json'] as const)(
    'comes from the %s scanner with every character as it was written',
    async (scanner) => {
      const snippets = new SnippetSample();
      const body = 'quotes " and \\ and\nlines and é and 🙂 and \u2028, long enough to be kept';
      const record = { author: 'Alice', subreddit: 'pics', score: 1, created_utc: 10, body };
      const escaped = JSON.stringify({ ...record, author: 'Bob' })
        .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .replace('"Bob"', '"\\u0042ob"');
      const gone = JSON.stringify({
        ...record,
        author: '[deleted]',
        body: 'of somebody who is gone by now, so not kept',
      });
      await scanBytes(`${JSON.stringify(record)}\n${escaped}\n${gone}\n`, { snippets, scanner });
      expect([...snippets.entries()].flatMap(([, kept]) => kept.map(({ text }) => text))).toEqual([body, body]);
    },
  );
});
