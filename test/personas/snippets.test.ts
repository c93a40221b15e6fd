import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../src/llm/language-model.js';
import { chooseSnippets, withoutPersons } from '../../src/personas/snippets.js';

const OPTIONS = { minUsers: 3, tokenBudget: 100 };
const roses = (n: number) =>
  `My roses have ${['black spot', 'aphids', 'mildew', 'rust'][n % 4]} again and I prune them every spring morning ${n}`;

describe('chosen texts', () => {
  it('are none where too few people wrote', () => {
    const two = [0, 1, 0, 1].map((user, n) => ({ user, text: roses(n) }));
    expect(chooseSnippets(two, OPTIONS)).toEqual([]);
  });

  it('stay within the budget, one a person, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ user: fc.nat(8), text: fc.string({ maxLength: 400 }) }), { maxLength: 30 }),
        fc.integer({ min: 0, max: 300 }),
        (written, tokenBudget) => {
          const chosen = chooseSnippets(written, { minUsers: 2, tokenBudget, minLength: 1 });
          expect(chosen.reduce((sum, text) => sum + estimateTokens(text), 0)).toBeLessThanOrEqual(tokenBudget);
          expect(chosen.length).toBeLessThanOrEqual(new Set(written.map(({ user }) => user)).size);
        },
      ),
      { seed: 3 },
    );
  });

  it('stand for the others and differ: not the odd one out first, and no two alike', () => {
    const written = [
      ...Array.from({ length: 6 }, (_, n) => ({ user: n, text: roses(n) })),
      { user: 10, text: 'Completely unrelated sentence about tractors pulling heavy trailers uphill' },
      { user: 11, text: 'Growing tomatoes in pots works when you prune and water them every morning' },
    ];
    const chosen = chooseSnippets(written, { minUsers: 3, tokenBudget: 45 });
    expect(chosen[0]).toContain('roses');
    expect(chosen[1]).not.toContain('roses');
  });
});

describe('text without persons', () => {
  it.each([
    ['ask u/Some_Body or /u/other', 'ask someone or someone'],
    ['see https://x.org/a?b and www.y.com now', 'see and now'],
    ['write to a.b@example.org please', 'write to please'],
    ['call +1 (555) 010-9999 today', 'call today'],
    ['> what he said\nI agree', 'I agree'],
    ['[my blog](http://z.net) is **great**', 'my blog is great'],
    ['hidden\u200b\u202e text\u001b[31m', 'hidden text[31m'],
  ])('%j becomes %j', (text, clean) => expect(withoutPersons(text)).toBe(clean));
});
