import type { Random } from '../core/random.js';
import { GUARD_REASONS, keepsSubject, sensitiveTerms } from '../rewriting/guards.js';
import type { PersonaView } from '../rewriting/persona-view.js';
import type { Rewrite } from '../rewriting/rewrite.js';
import { binomialInterval } from './intervals.js';
import { type LiftPair, personaLift } from './lift.js';
import type { ResultTable } from './result-table.js';
import { cosineOf, distinctNgrams, diversity, TextSpace, type TextVector } from './text-vectors.js';

/**
 * What can be said of rewrites without an image, by model. All measures are of words, not of taste: they tell whether a
 * rewrite keeps its subject, whether personas change it, and whether the change has to do with the persona.
 */
export function rewriteTables(
  rewrites: readonly Rewrite[],
  personas: readonly PersonaView[],
  options: { readonly replicates: number; readonly random: Random; readonly unit: 'prompt' | 'persona' },
): ResultTable[] {
  const byModel = new Map<string, Rewrite[]>();
  for (const line of rewrites) {
    const key = line.shots > 0 ? `${line.model}, up to ${line.shots} shots` : line.model;
    const list = byModel.get(key);
    if (list) list.push(line);
    else byModel.set(key, [line]);
  }
  const texts = new Map(personas.map((persona) => [persona.id, personaText(persona)]));
  const space = new TextSpace([...rewrites.map(({ rewritten }) => rewritten), ...texts.values()]);
  const personaVectors = new Map([...texts].map(([id, text]) => [id, space.vector(text)]));
  const quality: Record<string, string | number | ReturnType<typeof binomialInterval> | null>[] = [];
  const lifts: typeof quality = [];
  for (const [model, lines] of byModel) {
    const vectors = lines.map(({ added }) => space.vector(added.join(', ')));
    const share = (count: number) => binomialInterval(count, lines.length);
    const conditioned = lines.filter(({ persona }) => persona !== null);
    quality.push({
      model,
      lines: lines.length,
      unchecked: share(lines.filter(({ firstProblems }) => firstProblems.length > 0).length),
      subject: share(lines.filter(({ prompt, rewritten }) => keepsSubject(prompt, rewritten)).length),
      sensitive: share(lines.filter(({ prompt, rewritten }) => sensitiveTerms(prompt, rewritten).length > 0).length),
      unused: share(lines.filter(({ status }) => status === 'rejected' || status === 'failed').length),
      diversity: withinPrompts(conditioned, lines, vectors, space.dim),
      distinct2: distinctNgrams(
        lines.map(({ added }) => added.join(' ')),
        2,
      ),
    });
    const pairs = alignmentPairs(lines, vectors, personaVectors, options.unit);
    const recognised = recognition(lines, vectors, space.dim);
    const lift =
      pairs.length > 0 ? personaLift(pairs, { ...options, random: options.random.fork('lift', model) }) : undefined;
    lifts.push({
      model,
      pairs: lift?.pairs ?? 0,
      units: lift?.units ?? 0,
      without: lift?.without ?? null,
      withPersona: lift?.withPersona ?? null,
      difference: lift?.difference ?? null,
      p: lift?.p ?? null,
      recognised: recognised.tried > 0 ? binomialInterval(recognised.right, recognised.tried) : null,
      chance: recognised.chance,
    });
  }
  return [
    {
      title: 'Rewrites',
      columns: [
        { key: 'model', label: 'model' },
        { key: 'lines', label: 'rewrites' },
        { key: 'unchecked', label: 'first reply refused' },
        { key: 'subject', label: 'subject kept' },
        { key: 'sensitive', label: 'sensitive attribute gained' },
        { key: 'unused', label: 'original stands in' },
        { key: 'diversity', label: 'diversity' },
        { key: 'distinct2', label: 'distinct-2' },
      ],
      rows: quality,
      notes: [
        `First reply refused: by a guard (${GUARD_REASONS.join(', ')}); subject and sensitive attributes: of what was written in the end. Exact binomial 95 % intervals over lines.`,
        'Diversity: 1 − mean tf–idf cosine between what different personas add to the same prompt, mean over prompts. distinct-2: different word pairs among all pairs of what was added.',
        'Originals that stand in for refused or failed replies keep their subject by definition and add nothing.',
      ],
    },
    {
      title: 'Persona lift in words',
      columns: [
        { key: 'model', label: 'model' },
        { key: 'pairs', label: 'pairs' },
        { key: 'units', label: `${options.unit}s` },
        { key: 'without', label: 'alignment without persona' },
        { key: 'withPersona', label: 'with persona' },
        { key: 'difference', label: 'lift' },
        { key: 'p', label: 'p', digits: 4 },
        { key: 'recognised', label: 'persona recognised' },
        { key: 'chance', label: 'chance' },
      ],
      rows: lifts,
      notes: [
        'Alignment: tf–idf cosine of the persona’s text with what was added to the prompt; without persona: what the same model added to the same prompt when it knew no persona.',
        `Paired by prompt; 95 % percentile intervals from ${options.replicates} resamples of ${options.unit}s. A lift in words is no lift in pictures.`,
        'Persona recognised: share of rewrites whose additions are nearest to what the same persona’s other rewrites add, among all personas; exact interval, lines counted as independent.',
      ],
    },
  ];
}

/** What sets a persona apart, in words. Its prose is left out: sentences that all personas share would align with anything. */
export function personaText({ title, roleplay, interests, traits, aesthetics, facets }: PersonaView): string {
  const terms = [title, ...interests, ...traits, ...aesthetics, ...facets.map((facet) => facet.title)];
  return (interests.length + facets.length > 0 ? terms : [...terms, roleplay ?? '']).join('. ');
}

function withinPrompts(
  conditioned: readonly Rewrite[],
  lines: readonly Rewrite[],
  vectors: readonly TextVector[],
  dim: number,
): number | null {
  const vectorOf = new Map(lines.map((line, i) => [line, vectors[i]]));
  const byPrompt = new Map<string, TextVector[]>();
  for (const line of conditioned) {
    const list = byPrompt.get(line.promptId) ?? [];
    byPrompt.set(line.promptId, list);
    list.push(vectorOf.get(line) as TextVector);
  }
  let sum = 0;
  let count = 0;
  for (const list of byPrompt.values()) {
    if (list.length < 2) continue;
    sum += diversity(list, dim);
    count++;
  }
  return count === 0 ? null : sum / count;
}

function alignmentPairs(
  lines: readonly Rewrite[],
  vectors: readonly TextVector[],
  personas: ReadonlyMap<string, TextVector>,
  unit: 'prompt' | 'persona',
): LiftPair[] {
  const baseline = new Map<string, TextVector>();
  lines.forEach(({ persona, promptId }, i) => {
    if (persona === null) baseline.set(promptId, vectors[i]);
  });
  return lines.flatMap(({ persona, promptId }, i) => {
    const own = persona === null ? undefined : personas.get(persona);
    const plain = baseline.get(promptId);
    if (!own || !plain || persona === null) return [];
    const pair = { withPersona: cosineOf(own, vectors[i]), without: cosineOf(own, plain) };
    return [{ unit: unit === 'prompt' ? promptId : persona, ...pair }];
  });
}

/** Nearest centroid of additions, the line itself left out of its persona's; ties count as wrong. */
function recognition(
  lines: readonly Rewrite[],
  vectors: readonly TextVector[],
  dim: number,
): { right: number; tried: number; chance: number | null } {
  const sums = new Map<string, { sum: Float64Array; square: number; count: number }>();
  lines.forEach(({ persona }, i) => {
    if (persona === null) return;
    const centroid = sums.get(persona) ?? { sum: new Float64Array(dim), square: 0, count: 0 };
    sums.set(persona, centroid);
    centroid.count++;
    const { index, weight } = vectors[i];
    for (let k = 0; k < index.length; k++) {
      const before = centroid.sum[index[k]];
      centroid.sum[index[k]] += weight[k];
      centroid.square += centroid.sum[index[k]] ** 2 - before ** 2;
    }
  });
  const usable = [...sums].filter(([, { count }]) => count >= 2);
  if (usable.length < 2) return { right: 0, tried: 0, chance: null };
  let right = 0;
  let tried = 0;
  const stride = Math.max(1, Math.ceil((lines.length * usable.length) / 20_000_000)); // a sample is enough of the largest
  for (let i = 0; i < lines.length; i += stride) {
    const { persona } = lines[i];
    if (persona === null || (sums.get(persona)?.count ?? 0) < 2) continue;
    const { index, weight } = vectors[i];
    let own = Number.NEGATIVE_INFINITY;
    let other = Number.NEGATIVE_INFINITY;
    for (const [id, { sum, square }] of usable) {
      let dot = 0;
      let length = 0;
      for (let k = 0; k < index.length; k++) {
        dot += weight[k] * sum[index[k]];
        length += weight[k] * weight[k];
      }
      const isOwn = id === persona;
      const cosine = isOwn
        ? (dot - length) / Math.sqrt(Math.max(1e-12, square - 2 * dot + length))
        : dot / Math.sqrt(Math.max(1e-12, square));
      if (isOwn) own = cosine;
      else other = Math.max(other, cosine);
    }
    tried++;
    if (own > other) right++;
  }
  return { right, tried, chance: 1 / usable.length };
}
