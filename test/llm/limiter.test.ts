import { describe, expect, it } from 'vitest';
import { Limiter } from '../../src/llm/limiter.js';

describe('requests in flight', () => {
  it('halve on overload, once for those that failed together, and grow back one by one', () => {
    const limiter = new Limiter({ concurrency: 8 });
    const begunAt = performance.now();
    limiter.overloaded(begunAt);
    limiter.overloaded(begunAt); // sent before the first answer came
    expect(limiter.inFlight).toBe(4);
    for (let n = 0; n < 4; n++) limiter.good();
    expect(limiter.inFlight).toBe(4);
    limiter.good();
    expect(limiter.inFlight).toBe(5);
    for (let n = 0; n < 100; n++) limiter.good();
    expect(limiter.inFlight).toBe(8);
  });

  it('never fall below one', () => {
    const limiter = new Limiter({ concurrency: 3 });
    for (let n = 0; n < 5; n++) limiter.overloaded(performance.now() + 1);
    expect(limiter.inFlight).toBe(1);
  });
});

describe('rates', () => {
  it('hold back what comes faster than the bucket fills', async () => {
    const limiter = new Limiter({ concurrency: 8, tokensPerMinute: 6000 }); // 100 a second
    const begin = performance.now();
    await limiter.admit(6000, undefined); // the bucket is full at first
    expect(performance.now() - begin).toBeLessThan(50);
    await limiter.admit(20, undefined);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(190);
  });

  it('let go of who stops waiting', async () => {
    const limiter = new Limiter({ concurrency: 1, requestsPerMinute: 1 });
    await limiter.admit(1, undefined);
    const controller = new AbortController();
    const waiting = limiter.admit(1, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
