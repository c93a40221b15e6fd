import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError, ResourceError } from '../../src/core/errors.js';
import { Budget } from '../../src/llm/budget.js';

const price = { input: 1e6, output: 2e6 }; // one a token in, two a token out

describe('a budget', () => {
  it('adds up what was used, not what was reserved', async () => {
    const budget = new Budget('m', price);
    const settle = await budget.reserve({ inputTokens: 100, outputTokens: 100 });
    settle({ inputTokens: 3, outputTokens: 2 });
    expect(budget.spent()).toMatchObject({ calls: 1, usage: { inputTokens: 3, outputTokens: 2 }, cost: 7 });
  });

  it('refuses the call that could pass the limit on cost, before it is made', async () => {
    const budget = new Budget('m', price, { maxCost: 100 });
    (await budget.reserve({ inputTokens: 50, outputTokens: 20 }))({ inputTokens: 50, outputTokens: 5 });
    const error = await budget.reserve({ inputTokens: 20, outputTokens: 20 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ResourceError);
    expect((error as ResourceError).message).toContain('--max-cost 100');
    await budget.reserve({ inputTokens: 20, outputTokens: 10 });
  });

  it('counts calls of earlier attempts towards the limit on calls', async () => {
    const budget = new Budget('m', undefined, { maxCalls: 2 });
    budget.remember({ inputTokens: 1, outputTokens: 1 });
    (await budget.reserve({ inputTokens: 1, outputTokens: 1 }))({ inputTokens: 1, outputTokens: 1 });
    await expect(budget.reserve({ inputTokens: 1, outputTokens: 1 })).rejects.toThrow('--max-calls 2');
  });

  it('waits for calls under way rather than refuse what they may leave over', async () => {
    const budget = new Budget('m', price, { maxCost: 100 });
    const settle = await budget.reserve({ inputTokens: 100, outputTokens: 0 });
    const second = budget.reserve({ inputTokens: 60, outputTokens: 0 });
    settle({ inputTokens: 40, outputTokens: 0 });
    (await second)({ inputTokens: 60, outputTokens: 0 });
    expect(budget.spent().cost).toBe(100);
  });

  it('is never passed, however calls overlap and whatever they use of their reservation', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ most: fc.integer({ min: 1, max: 40 }), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
          {
            maxLength: 30,
          },
        ),
        fc.integer({ min: 1, max: 200 }),
        async (calls, maxCost) => {
          const budget = new Budget('m', { input: 1e6, output: 0 }, { maxCost });
          await Promise.allSettled(
            calls.map(async ({ most, part }) => {
              const settle = await budget.reserve({ inputTokens: most, outputTokens: 0 });
              await new Promise(setImmediate);
              settle({ inputTokens: Math.floor(most * part), outputTokens: 0 });
            }),
          );
          expect(budget.spent().cost ?? 0).toBeLessThanOrEqual(maxCost);
        },
      ),
      { numRuns: 100, seed: 2 },
    );
  });

  it('cannot limit a cost that nobody named', () => {
    expect(() => new Budget('m', undefined, { maxCost: 1 })).toThrow(InputError);
  });
});
