import { InputError, ResourceError } from '../core/errors.js';
import type { Usage } from './language-model.js';

/** What a million tokens cost, in one currency of the person's own choosing. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

export interface BudgetLimits {
  readonly maxCalls?: number | undefined;
  readonly maxCost?: number | undefined; // in the currency of the price
}

/** What a piece of work has used: now and, where a cache remembers it, before. */
export interface Spending {
  readonly calls: number; // attempts that reached the model now
  readonly usage: Usage; // of those
  readonly cost: number | null; // of those; null without a price
  readonly remembered: { readonly calls: number; readonly usage: Usage; readonly cost: number | null };
}

interface Tally {
  calls: number;
  inputTokens: number;
  outputTokens: number;
}

/**
 * Watches what calls cost, and stops before a limit rather than after it: each call reserves the most it can use until
 * its real use is known. Replies of earlier attempts at the same work count towards the limits, so that a command that
 * is started again and again does not spend a multiple of what was allowed.
 */
export class Budget {
  private readonly now: Tally = { calls: 0, inputTokens: 0, outputTokens: 0 };
  private readonly before: Tally = { calls: 0, inputTokens: 0, outputTokens: 0 };
  private reserved = 0; // cost of calls under way, at the most
  private underWay = 0;
  private settled: (() => void)[] = []; // callers that wait for a reservation to be replaced by what was used

  constructor(
    private readonly model: string,
    private readonly price: Price | undefined,
    private readonly limits: BudgetLimits = {},
  ) {
    if (limits.maxCost !== undefined && price === undefined)
      throw new InputError(
        'ERR_LLM_PRICE',
        `--max-cost needs to know what ${model} costs. Name a file with --llm-prices, such as {"${model}": {"input": 0.15, "output": 0.6}} (per million tokens).`,
        { model },
      );
  }

  /** Waits until `most` fits into what is left, or throws `ERR_LLM_BUDGET`. Call the result with what was used. */
  async reserve(most: Usage): Promise<(used: Usage) => void> {
    const cost = costOf(most, this.price) ?? 0;
    for (;;) {
      const { maxCalls = Number.POSITIVE_INFINITY, maxCost = Number.POSITIVE_INFINITY } = this.limits;
      if (this.now.calls + this.before.calls + this.underWay >= maxCalls) this.refuse('calls', maxCalls);
      if (this.costSoFar() + this.reserved + cost <= maxCost) break;
      if (this.underWay === 0) this.refuse('cost', maxCost);
      await new Promise<void>((resolve) => this.settled.push(resolve));
    }
    this.reserved += cost;
    this.underWay++;
    return (used) => {
      this.reserved -= cost;
      this.underWay--;
      add(this.now, used);
      for (const resolve of this.settled.splice(0)) resolve();
    };
  }

  /** Counts a reply that was paid for by an earlier attempt. */
  remember(used: Usage): void {
    add(this.before, used);
  }

  spent(): Spending {
    const usage = ({ inputTokens, outputTokens }: Tally): Usage => ({ inputTokens, outputTokens });
    const { now, before, price } = this;
    return {
      calls: now.calls,
      usage: usage(now),
      cost: costOf(now, price),
      remembered: { calls: before.calls, usage: usage(before), cost: costOf(before, price) },
    };
  }

  private costSoFar(): number {
    return (costOf(this.now, this.price) ?? 0) + (costOf(this.before, this.price) ?? 0);
  }

  private refuse(what: 'calls' | 'cost', limit: number): never {
    const { calls, cost, remembered } = this.spent();
    const total = what === 'calls' ? calls + remembered.calls : (cost ?? 0) + (remembered.cost ?? 0);
    throw new ResourceError(
      'ERR_LLM_BUDGET',
      `The next call to ${this.model} could pass --max-${what} ${limit}: ${what === 'calls' ? `${total} were made` : `${total.toFixed(4)} is spent`}. What was answered is kept; run the same command with a higher limit to go on.`,
      { what, limit, spent: total },
    );
  }
}

/** Cost of tokens; null without a price. */
export function costOf({ inputTokens, outputTokens }: Usage, price: Price | undefined): number | null {
  return price === undefined ? null : (inputTokens * price.input + outputTokens * price.output) / 1e6;
}

function add(tally: Tally, { inputTokens, outputTokens }: Usage): void {
  tally.calls++;
  tally.inputTokens += inputTokens;
  tally.outputTokens += outputTokens;
}
