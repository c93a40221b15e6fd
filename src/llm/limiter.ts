import PQueue from 'p-queue';
import { wait } from './retry.js';

export interface Rates {
  readonly concurrency: number; // requests in flight at the most
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
}

/**
 * Requests in flight against one server, and how fast they follow each other.
 *
 * The number in flight halves when the server says that it is overloaded and grows by one for each round of good
 * answers, up to the limit (additive increase, multiplicative decrease). Requests and tokens a minute come from two
 * buckets that fill evenly.
 */
export class Limiter {
  private readonly queue: PQueue;
  private readonly requests: Bucket | undefined;
  private readonly tokens: Bucket | undefined;
  private window: number; // requests in flight allowed now, fractional
  private lastDecrease = Number.NEGATIVE_INFINITY; // ms

  constructor(private readonly rates: Rates) {
    this.window = rates.concurrency;
    this.queue = new PQueue({ concurrency: rates.concurrency });
    this.requests = rates.requestsPerMinute === undefined ? undefined : new Bucket(rates.requestsPerMinute);
    this.tokens = rates.tokensPerMinute === undefined ? undefined : new Bucket(rates.tokensPerMinute);
  }

  /** Runs `task` when its turn has come, unless the signal has; a task that has begun is waited for. */
  run<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    // Not the queue's own signal, which would let go of a request that is under way, and with it of its reply.
    return this.queue.add(() => {
      signal?.throwIfAborted();
      return task();
    });
  }

  /** Waits until the rates allow one more request of about that many tokens. */
  async admit(tokens: number, signal: AbortSignal | undefined): Promise<void> {
    await this.requests?.take(1, signal);
    await this.tokens?.take(tokens, signal);
  }

  /** The server answered as it should. */
  good(): void {
    this.resize(Math.min(this.rates.concurrency, this.window + 1 / this.window));
  }

  /** The server is overloaded. What fails together counts once: `begunAt` is when the failed request was sent. */
  overloaded(begunAt: number): void {
    if (begunAt < this.lastDecrease) return;
    this.lastDecrease = performance.now();
    this.resize(Math.max(1, this.window / 2));
  }

  get inFlight(): number {
    return this.queue.concurrency;
  }

  private resize(window: number): void {
    this.window = window;
    this.queue.concurrency = Math.floor(window + 1e-9); // nine tenths and ten times a hundredth are one
  }
}

/** A bucket that holds a minute's worth and fills evenly; who takes more than it holds waits for the rest. */
class Bucket {
  private level: number;
  private filledAt = performance.now();

  constructor(private readonly perMinute: number) {
    this.level = perMinute;
  }

  async take(amount: number, signal: AbortSignal | undefined): Promise<void> {
    const now = performance.now();
    this.level = Math.min(this.perMinute, this.level + ((now - this.filledAt) * this.perMinute) / 60_000);
    this.filledAt = now;
    this.level -= amount; // below zero: whoever comes later waits longer
    if (this.level < 0) await wait((-this.level * 60_000) / this.perMinute, signal);
  }
}
