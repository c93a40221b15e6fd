import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../core/random.js';

export interface RetryPolicy {
  readonly maxAttempts: number; // ≥ 1
  readonly delayMs: number; // shortest wait between two attempts
  readonly maxDelayMs: number; // longest wait that we choose ourselves
  readonly maxRetryAfterMs: number; // longest wait that a server may ask for
}

/** One attempt that failed: whose fault it looks like, and whether another attempt may help. */
export class AttemptError extends Error {
  constructor(
    readonly code: `ERR_LLM_${string}`,
    message: string,
    readonly retry: boolean,
    readonly status?: number,
    readonly retryAfterMs?: number,
  ) {
    super(message);
    this.name = 'AttemptError';
  }
}

/** Thrown when no attempt is left or none would help: the last failure and the number of attempts made. */
export class GaveUp extends Error {
  constructor(
    readonly last: AttemptError,
    readonly attempts: number,
  ) {
    super(last.message);
    this.name = 'GaveUp';
  }
}

/**
 * Attempts against one server. A wait that the server asks for holds back every caller; waits between attempts are
 * decorrelated jitter: uniform in [delay, 3 × the last wait], capped (Brooker, AWS Architecture Blog, 2015).
 */
export class Retrier {
  private pausedUntil = 0; // ms since the epoch

  constructor(private readonly policy: RetryPolicy) {}

  /** Runs `attempt` until it succeeds, fails for good, or none is left. Throws `GaveUp`, or the signal's reason. */
  async run<T>(attempt: () => Promise<T>, random: Random, signal: AbortSignal | undefined): Promise<T> {
    const { maxAttempts, delayMs, maxDelayMs, maxRetryAfterMs } = this.policy;
    let delay = delayMs;
    for (let attempts = 1; ; attempts++) {
      await this.pause(random, signal);
      try {
        return await attempt();
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof AttemptError)) throw error;
        const asked = error.retryAfterMs ?? 0;
        if (!error.retry || attempts >= maxAttempts || asked > maxRetryAfterMs) throw new GaveUp(error, attempts);
        if (asked > 0) {
          this.pausedUntil = Math.max(this.pausedUntil, Date.now() + asked);
        } else {
          delay = Math.min(maxDelayMs, delayMs + random.float() * Math.max(0, 3 * delay - delayMs));
          await wait(delay, signal);
        }
      }
    }
  }

  /** Waits until the server's pause is over, and a little longer, so that not every caller comes back at once. */
  private async pause(random: Random, signal: AbortSignal | undefined): Promise<void> {
    for (let left = this.pausedUntil - Date.now(); left > 0; left = this.pausedUntil - Date.now())
      await wait(left + random.float() * this.policy.delayMs, signal);
  }
}

/** `Retry-After` (seconds or a date) or `retry-after-ms` as milliseconds from `now`; undefined where neither is readable. */
export function retryAfterMs(
  headers: { get(name: string): string | null } | undefined,
  now: number,
): number | undefined {
  const milliseconds = headers?.get('retry-after-ms');
  if (milliseconds && /^\d+(\.\d+)?$/.test(milliseconds)) return Number(milliseconds);
  const text = headers?.get('retry-after');
  if (!text) return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Sleeps; throws the reason of the signal where that comes first. */
export async function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(Math.ceil(milliseconds), undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted(); // the reason, not the timer's own AbortError
    throw error;
  }
}
