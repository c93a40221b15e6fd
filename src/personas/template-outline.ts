import type { EvidencePack } from './evidence.js';
import type { Claim, Evidence } from './persona.js';
import type { Place } from './place-lexicon.js';
import { distinct, type Facet, facetsOf, listed, named, percentOf, sentence, timesAsUsual } from './template-parts.js';
import type { Topic } from './topic-lexicon.js';
import { supportsDemographic } from './verify.js';

/** What is to be said about a group, before it is put into sentences. */
export interface Outline {
  readonly pack: EvidencePack;
  readonly facets: readonly Facet[]; // the one that leads first
  readonly known: readonly Facet[]; // those with a topic, in the same order
  readonly selves: readonly Topic[]; // at most two that carry enough weight to say what these people are
  readonly isBroad: boolean; // large, general communities lead, and no pastime stands out beside them
  readonly traits: readonly string[]; // most telling first
  readonly visual: Topic['visual'];
  readonly place: Place | undefined; // set together with `country`
  readonly country: Claim | undefined; // the claim that supports it
  readonly contrast: { readonly rows: readonly Evidence[]; readonly claim: Claim } | undefined;
}

/** Weight from which one pastime makes a group more than a crowd. */
const PASTIME = 0.25;

export function outlineOf(pack: EvidencePack): Outline {
  const facets = facetsOf(pack.evidence);
  const known = facets.filter((facet) => facet.topic !== undefined);
  const enough = 0.4 * Math.max(...known.map((facet) => facet.weight), facets[0].weight);
  const strong = known.flatMap((facet) => (facet.topic && facet.weight >= enough ? [facet.topic] : []));
  // "role-playing gamers and gamers" says no more than its first half
  const selves = strong
    .filter(({ people }) => !strong.some((other) => other.people.endsWith(` ${people}`)))
    .slice(0, 2);
  const { place, country } = homeOf(facets);
  return {
    pack,
    facets,
    known,
    selves,
    isBroad:
      facets[0].topic?.isGeneral === true &&
      known.every(({ topic, weight }) => topic?.isGeneral === true || weight < PASTIME),
    traits: distinct(known.slice(0, 3).flatMap((facet) => facet.topic?.traits ?? [])).slice(0, 4),
    visual: distinct(known.slice(0, 2).flatMap((facet) => facet.topic?.visual ?? [])).slice(0, 3),
    place,
    country,
    contrast: contrastOf(pack),
  };
}

function homeOf(facets: readonly Facet[]): Pick<Outline, 'place' | 'country'> {
  const local = facets.find((facet) => facet.place !== undefined);
  const strong = local?.rows.find((row) => supportsDemographic(row));
  if (!local?.place || !strong) return { country: undefined, place: undefined };
  const { country, label, language } = local.place;
  const where = country === label || label === `the ${country}` ? label : `${label}, ${country}`;
  const text = `Many of them are probably at home in ${where}${language ? ` and read ${language}` : ''}: ${named(strong)} draws ${percentOf(strong.share)} of them, ${timesAsUsual(strong)}.`;
  return { place: local.place, country: { text, evidence: [strong.id], confidence: 'medium' } };
}

/** What the nearest other persona lacks, where there is something. */
function contrastOf({ neighbours, evidence }: EvidencePack): Outline['contrast'] {
  for (const [n, { id, contrast }] of neighbours.entries()) {
    const rows = contrast.flatMap((name) => evidence.filter((row) => row.subreddit === name)).slice(0, 2);
    if (rows.length === 0) continue;
    const verb = rows.length === 1 ? 'sets' : 'set';
    const group = n === 0 ? 'the most similar group' : 'a similar group';
    const text = `${sentence(listed(rows.map(named)))} ${verb} them apart from ${group}, ${id}.`;
    return { rows, claim: { text, evidence: rows.map((row) => row.id), confidence: 'medium' } };
  }
  return undefined;
}
