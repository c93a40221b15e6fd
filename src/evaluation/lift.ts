import type { Random } from '../core/random.js';
import { bootstrap, type Estimate } from './intervals.js';

/** One score with a persona beside the score of the same prompt and model without one. */
export interface LiftPair {
  readonly unit: string; // what is resampled: the prompt, or the persona
  readonly withPersona: number;
  readonly without: number;
}

export interface Lift {
  readonly pairs: number;
  readonly units: number;
  readonly withPersona: Estimate;
  readonly without: Estimate;
  readonly difference: Estimate;
  readonly percent: Estimate; // 100 · difference / without, of means
  readonly p: number; // two-sided, from the bootstrap distribution of the difference; at least 2 / replicates
}

/** Paired lift: units are resampled whole, so prompts that recur with many personas do not count as independent. */
export function personaLift(
  pairs: readonly LiftPair[],
  options: { readonly replicates: number; readonly level?: number; readonly random: Random },
): Lift {
  const positions = new Map<string, number>();
  const unitOf = Int32Array.from(pairs, ({ unit }) => {
    const position = positions.get(unit) ?? positions.size;
    positions.set(unit, position);
    return position;
  });
  let above = 0;
  let below = 0;
  const { estimates } = bootstrap(
    positions.size,
    (times) => {
      let count = 0;
      let withSum = 0;
      let withoutSum = 0;
      for (let i = 0; i < pairs.length; i++) {
        const n = times[unitOf[i]];
        count += n;
        withSum += n * pairs[i].withPersona;
        withoutSum += n * pairs[i].without;
      }
      if (count === 0) return undefined;
      const difference = (withSum - withoutSum) / count;
      if (difference >= 0) above++;
      if (difference <= 0) below++;
      return [withSum / count, withoutSum / count, difference, (100 * (withSum - withoutSum)) / withoutSum];
    },
    options,
  );
  const p = Math.min(1, (2 * (1 + Math.min(above, below))) / (options.replicates + 1));
  const [withPersona, without, difference, percent] = estimates;
  return { pairs: pairs.length, units: positions.size, withPersona, without, difference, percent, p };
}
