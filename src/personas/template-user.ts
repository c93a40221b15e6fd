import type { EvidencePack } from './evidence.js';
import { type Claim, NO_DEMOGRAPHICS, type PersonaDraft, VISUAL_INTERESTS } from './persona.js';
import {
  distinct,
  type Facet,
  facetsOf,
  facetTitle,
  listed,
  named,
  percentOf,
  phrasing,
  sentence,
} from './template-parts.js';

/**
 * One user in words, for whoever opted in to that: where their attention goes, and nothing about who they are. A place in
 * which a person takes part is not a place where they live, so demographics stay unknown.
 */
export function userDraft(pack: EvidencePack): PersonaDraft {
  const facets = facetsOf(pack.evidence);
  const known = facets.filter((facet) => facet.topic !== undefined);
  const traits = distinct(known.slice(0, 2).flatMap((facet) => facet.topic?.traits ?? [])).slice(0, 3);
  const visual = distinct(known.slice(0, 2).flatMap((facet) => facet.topic?.visual ?? [])).slice(0, 3);
  const main = facets[0];
  const rows = main.rows.slice(0, 3).map(named);
  const say = phrasing(pack.id);
  const others = facets.slice(1, 3).map(facetTitle).map(lowerFirst);

  const claims: Claim[] = facets.map((facet) => ({
    text: `${sentence(facetTitle(facet))}: ${listed(facet.rows.slice(0, 3).map((row) => `${named(row)} (${percentOf(row.attention)} of their attention)`))}.`,
    evidence: facet.rows.slice(0, 3).map((row) => row.id),
    confidence: facet.rows[0].attention >= 0.2 ? 'high' : facet.rows[0].attention >= 0.05 ? 'medium' : 'low',
  }));
  const selves = known.flatMap((facet) => facet.topic ?? []).slice(0, 2);
  return {
    title:
      selves.length > 0
        ? sentence(listed(selves.map((topic) => topic.people)))
        : `A regular of ${listed(rows.slice(0, 2))}`,
    summary: [
      say([
        `Their attention goes first to ${lowerFirst(facetTitle(main))}: they are often in ${listed(rows)}.`,
        `What they come for is above all ${lowerFirst(facetTitle(main))}, in ${listed(rows)}.`,
      ]),
      ...(others.length > 0 ? [`Beside it stand ${listed(others)}.`] : []),
      ...(traits.length > 0 ? [`People in these communities tend to be ${listed(traits)}.`] : []),
    ].join(' '),
    roleplay: [
      selves.length > 0 ? `I am ${listed(selves.map((topic) => topic.person))}.` : `I am a regular of ${listed(rows)}.`,
      `You will find me in ${listed(rows)}.`,
      ...(others.length > 0 ? [`I also care about ${listed(others)}.`] : []),
      ...(visual.length > 0 ? [`When I picture something, I think of ${listed(visual.slice(0, 2))}.`] : []),
      'When I rewrite an image prompt, I keep its subject and intent and choose the setting, light, colours and details that I would want to see.',
    ].join(' '),
    demographics: NO_DEMOGRAPHICS,
    interests: known.map((facet) => facet.topic?.activity ?? ''),
    traits,
    aesthetics: VISUAL_INTERESTS.filter((one) => visual.includes(one)),
    facets: facets.map((facet: Facet) => ({
      title: facetTitle(facet),
      evidence: facet.rows.map((row) => row.id),
      weight: Math.floor(facet.weight * 100) / 100,
    })),
    claims,
  };
}

function lowerFirst(text: string): string {
  return /^r\/|^[A-Z][A-Z]/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}
