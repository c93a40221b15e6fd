import { capped } from '../llm/plain-text.js';
import type { EvidencePack } from './evidence.js';
import { type Claim, type Evidence, LIMITS, NO_DEMOGRAPHICS, type PersonaDraft } from './persona.js';
import { type Outline, outlineOf } from './template-outline.js';
import { type Facet, facetTitle, listed, named, percentOf, sentence, timesAsUsual } from './template-parts.js';
import { roleplayOf, summaryOf } from './template-prose.js';
import { userDraft } from './template-user.js';
import { supportsDemographic } from './verify.js';

/**
 * Personas without a model: English sentences over evidence, the same for the same evidence. The words know subreddits
 * by name only, so they speak of interests and how people of such communities tend to be, and never of age or gender.
 */
export const TEMPLATE_VERSION = 'template-2';

/** One draft per pack, which must have evidence. Titles of groups differ within the list. */
export function templateDrafts(packs: readonly EvidencePack[]): PersonaDraft[] {
  const groups = packs.filter(({ unit }) => unit === 'cluster');
  const outlines = groups.map(outlineOf);
  const titles = distinctTitles(outlines);
  const drafts = new Map(groups.map((pack, n) => [pack, write(outlines[n], titles[n])]));
  return packs.map((pack) => drafts.get(pack) ?? userDraft(pack));
}

function titleOf({ facets, selves, place }: Outline): string {
  const main = facets[0];
  const [first, second] = selves.map((topic) => topic.people);
  if (main.topic && first !== undefined) {
    if (place) return `${sentence(first)} in ${place.label}`;
    if (second === undefined) return sentence(first);
    const joint = `${first}${second}`.includes(' and ') ? ', also ' : ' and ';
    return `${sentence(first)}${joint}${second}`;
  }
  const where = main.place
    ? `Locals in ${main.place.label}`
    : `Regulars of ${listed(main.rows.slice(0, 2).map(named))}`;
  const full = first === undefined ? where : `${where}, also ${first}`;
  return full.length <= LIMITS.title ? full : where;
}

/**
 * Personas that would share a title are told apart by another interest that the others of that title lack, else by such
 * a subreddit, and by their id where there is none.
 */
function distinctTitles(outlines: readonly Outline[]): string[] {
  const titles = outlines.map(titleOf);
  const sharing = new Map<string, Outline[]>();
  titles.forEach((title, n) => {
    sharing.set(title, [...(sharing.get(title) ?? []), outlines[n]]);
  });
  const used = new Set<string>();
  return titles.map((title, n) => {
    const others = sharing.get(title)?.filter((outline) => outline !== outlines[n]) ?? [];
    const wanted = others.length === 0 ? title : withOwnInterest(title, outlines[n], others);
    const final = used.has(wanted) ? withId(title, outlines[n].pack) : wanted;
    used.add(final);
    return final;
  });
}

/** Weight from which a side of a group may stand in its title. */
const TITLE_WEIGHT = 0.08;

function withOwnInterest(title: string, { pack, known, selves }: Outline, others: readonly Outline[]): string {
  const theirs = new Set(others.flatMap((other) => other.known.map(({ topic }) => topic?.key)));
  const own = known.find(
    ({ topic, weight }) => topic && weight >= TITLE_WEIGHT && !selves.includes(topic) && !theirs.has(topic.key),
  );
  const apart = `${title}, also into ${own?.topic?.activity}`;
  if (own && apart.length <= LIMITS.title) return apart;
  return toldApart(
    title,
    pack,
    others.map((other) => other.pack),
  );
}

/** `title` with the strongest subreddit of `pack` that none of `others` has and that it does not name yet. */
export function toldApart(title: string, pack: EvidencePack, others: readonly EvidencePack[]): string {
  const theirs = new Set(others.flatMap((other) => other.evidence.map((row) => row.subreddit)));
  const own = pack.evidence.find((row) => !theirs.has(row.subreddit) && !title.includes(named(row)));
  const apart = own ? `${title}, around ${named(own)}` : '';
  return own && apart.length <= LIMITS.title ? apart : withId(title, pack);
}

function withId(title: string, { id }: EvidencePack): string {
  return `${capped(title, LIMITS.title - id.length - 3)} (${id})`;
}

function write(outline: Outline, title: string): PersonaDraft {
  const { facets, known, traits, place } = outline;
  return {
    title,
    summary: summaryOf(outline),
    roleplay: roleplayOf(outline),
    demographics: {
      ...NO_DEMOGRAPHICS,
      country: place?.country ?? null,
      locale: place?.locale ?? null,
      language: place?.language ?? null,
      profession: practitionersOf(outline)?.topic?.profession ?? null,
    },
    interests: known.map((facet) => facet.topic?.activity ?? ''),
    traits: [...traits],
    aesthetics: [...outline.visual],
    facets: facets.map((facet) => ({
      title: facetTitle(facet),
      evidence: facet.rows.map((row) => row.id),
      weight: Math.floor(facet.weight * 100) / 100, // rounded down, so that the sum stays within 1
    })),
    claims: claimsOf(outline),
  };
}

function claimsOf(outline: Outline): Claim[] {
  const { facets, known, traits, country, contrast } = outline;
  const [first] = facets[0].rows;
  const claims = facets.map(facetClaim);
  if (first.attention >= 0.05)
    claims.push({
      text: `${sentence(named(first))} alone takes ${percentOf(first.attention)} of their attention on average.`,
      evidence: [first.id],
      confidence: 'medium',
    });
  if (contrast) claims.push(contrast.claim);
  if (country) claims.push(country);
  const practitioners = practitionersOf(outline);
  if (practitioners?.topic?.profession)
    claims.push({
      text: `Their profession is probably ${practitioners.topic.profession}: ${percentOf(first.share)} of them take part in ${named(first)}, where people of that field meet.`,
      evidence: [first.id],
      confidence: 'low',
    });
  if (traits.length > 0)
    claims.push({
      text: `They are likely to be ${listed(traits.slice(0, 3))}, as people in such communities tend to be.`,
      evidence: known.slice(0, 3).map((facet) => facet.rows[0].id),
      confidence: 'low',
    });
  return claims;
}

/** The leading facet where it is a profession's and strong enough to say so of these people. */
function practitionersOf({ facets: [main] }: Outline): Facet | undefined {
  return main.topic?.profession !== undefined && supportsDemographic(main.rows[0]) ? main : undefined;
}

function facetClaim(facet: Facet, n: number): Claim {
  const rows = facet.rows.slice(0, 3);
  const figures = listed(rows.map((row) => `${named(row)} (${percentOf(row.share)} of them, ${timesAsUsual(row)})`));
  const { topic, place } = facet;
  const first = n === 0;
  const opening = topic
    ? `${first ? 'Their main interest is' : 'They have an interest in'} ${topic.activity}: `
    : place
      ? `${first ? `What they share most is life in ${place.label}` : `Life in ${place.label} is part of the picture`}: `
      : `${first ? 'What they share most: ' : 'They also meet in '}`;
  return { text: `${opening}${figures}.`, evidence: rows.map((row) => row.id), confidence: confidenceIn(rows) };
}

/** High where the difference is beyond doubt and a fifth of the members stand behind it. */
function confidenceIn(rows: readonly Evidence[]): Claim['confidence'] {
  const best = Math.max(...rows.map((row) => row.logOdds));
  const widest = Math.max(...rows.map((row) => row.share));
  if (best >= 10 && widest >= 0.2) return 'high';
  return best >= 4 ? 'medium' : 'low';
}
