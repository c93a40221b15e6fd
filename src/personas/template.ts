import { capped } from '../llm/plain-text.js';
import type { EvidencePack } from './evidence.js';
import { type Claim, type Evidence, LIMITS, NO_DEMOGRAPHICS, type PersonaDraft } from './persona.js';
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
  timesAsUsual,
} from './template-parts.js';
import { userDraft } from './template-user.js';
import type { Place, Topic } from './topics.js';
import { supportsDemographic } from './verify.js';

/**
 * Personas without a model: English sentences over evidence, the same for the same evidence. The words know subreddits
 * by name only, so they speak of interests and how people of such communities tend to be, and never of age or gender.
 */
export const TEMPLATE_VERSION = 'template-1';

/** One draft per pack, which must have evidence. Titles of groups differ within the list. */
export function templateDrafts(packs: readonly EvidencePack[]): PersonaDraft[] {
  const groups = packs.filter(({ unit }) => unit === 'cluster');
  const outlines = groups.map(outlineOf);
  const titles = distinctTitles(groups, outlines.map(titleOf));
  const drafts = new Map(groups.map((pack, n) => [pack, write(outlines[n], titles[n])]));
  return packs.map((pack) => drafts.get(pack) ?? userDraft(pack));
}

interface Outline {
  readonly pack: EvidencePack;
  readonly facets: readonly Facet[]; // the one that leads first
  readonly known: readonly Facet[]; // those with a topic, in the same order
  readonly selves: readonly Topic[]; // at most two that carry enough weight to say what these people are
  readonly country: Claim | undefined; // the claim that supports it
  readonly place: Place | undefined; // set together with `country`
}

function outlineOf(pack: EvidencePack): Outline {
  const facets = facetsOf(pack.evidence);
  const known = facets.filter((facet) => facet.topic !== undefined);
  const enough = 0.4 * Math.max(...known.map((facet) => facet.weight), facets[0].weight);
  const selves = known.flatMap((facet) => (facet.topic && facet.weight >= enough ? [facet.topic] : [])).slice(0, 2);
  const local = facets.find((facet) => facet.place !== undefined);
  const strong = local?.rows.find((row) => supportsDemographic(row));
  if (!local?.place || !strong) return { pack, facets, known, selves, country: undefined, place: undefined };
  const { country, label, language } = local.place;
  const where = country === label || label === `the ${country}` ? label : `${label}, ${country}`;
  const text = `Many of them are probably at home in ${where}${language ? ` and read ${language}` : ''}: r/${strong.subreddit} draws ${percentOf(strong.share)} of them, ${timesAsUsual(strong)}.`;
  return {
    pack,
    facets,
    known,
    selves,
    place: local.place,
    country: { text, evidence: [strong.id], confidence: 'medium' },
  };
}

function titleOf({ facets, selves, place }: Outline): string {
  const main = facets[0];
  const [first, ...more] = selves.map((topic) => topic.people);
  const second = more.find((people) => !first.endsWith(people)); // "role-playing gamers and gamers" says no more
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
 * Personas that would share a title are told apart by the strongest subreddit that the others of that title lack, and
 * by their id where there is none.
 */
function distinctTitles(packs: readonly EvidencePack[], titles: readonly string[]): string[] {
  const sharing = new Map<string, EvidencePack[]>();
  titles.forEach((title, n) => {
    sharing.set(title, [...(sharing.get(title) ?? []), packs[n]]);
  });
  const used = new Set<string>();
  return titles.map((title, n) => {
    const others = sharing.get(title)?.filter((pack) => pack !== packs[n]) ?? [];
    const wanted = others.length === 0 ? title : toldApart(title, packs[n], others);
    const final = used.has(wanted) ? withId(title, packs[n]) : wanted;
    used.add(final);
    return final;
  });
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
  const { facets, known, place, country } = outline;
  const main = facets[0];
  const traits = distinct(known.slice(0, 3).flatMap((facet) => facet.topic?.traits ?? [])).slice(0, 4);
  const aesthetics = distinct(known.slice(0, 2).flatMap((facet) => facet.topic?.visual ?? [])).slice(0, 3);
  const practitioners = main.topic?.profession !== undefined && supportsDemographic(main.rows[0]) ? main : undefined;
  const profession = practitioners?.topic?.profession ?? null;
  const contrast = contrastOf(outline.pack);

  const claims = facets.map((facet, n) => facetClaim(facet, n));
  if (main.rows[0].attention >= 0.05)
    claims.push({
      text: `${sentence(named(main.rows[0]))} alone takes ${percentOf(main.rows[0].attention)} of their attention on average.`,
      evidence: [main.rows[0].id],
      confidence: 'medium',
    });
  if (contrast) claims.push(contrast);
  if (country) claims.push(country);
  if (practitioners && profession)
    claims.push({
      text: `Their profession is probably ${profession}: ${percentOf(practitioners.rows[0].share)} of them take part in ${named(practitioners.rows[0])}, where people of that field meet.`,
      evidence: [practitioners.rows[0].id],
      confidence: 'low',
    });
  if (traits.length > 0)
    claims.push({
      text: `They are likely to be ${listed(traits.slice(0, 3))}, as people in such communities tend to be.`,
      evidence: known.slice(0, 3).map((facet) => facet.rows[0].id),
      confidence: 'low',
    });

  return {
    title,
    summary: summaryOf(outline, traits, contrast),
    roleplay: roleplayOf(outline, traits, aesthetics),
    demographics: {
      ...NO_DEMOGRAPHICS,
      country: place?.country ?? null,
      locale: place?.locale ?? null,
      language: place?.language ?? null,
      profession,
    },
    interests: known.map((facet) => facet.topic?.activity ?? ''),
    traits,
    aesthetics,
    facets: facets.map((facet) => ({
      title: facetTitle(facet),
      evidence: facet.rows.map((row) => row.id),
      weight: Math.floor(facet.weight * 100) / 100, // rounded down, so that the sum stays within 1
    })),
    claims,
  };
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

/** What the nearest other persona lacks, where there is something. */
function contrastOf({ neighbours, evidence }: EvidencePack): Claim | undefined {
  for (const { id, contrast } of neighbours) {
    const rows = contrast.flatMap((name) => evidence.filter((row) => row.subreddit === name)).slice(0, 2);
    if (rows.length === 0) continue;
    const verb = rows.length === 1 ? 'sets' : 'set';
    const text = `${sentence(listed(rows.map(named)))} ${verb} them apart from the most similar group, ${id}.`;
    return { text, evidence: rows.map((row) => row.id), confidence: 'medium' };
  }
  return undefined;
}

function summaryOf({ pack, facets, place }: Outline, traits: readonly string[], contrast: Claim | undefined): string {
  const say = phrasing(pack.id);
  const [main, ...rest] = facets;
  const [first, ...close] = main.rows.slice(0, 3);
  const people = pack.size.users === 1 ? '1 person' : `${pack.size.users.toLocaleString('en-US')} people`;
  const activeIn = `${percentOf(first.share)} take part in ${named(first)}, ${timesAsUsual(first)}`;
  const sentences: string[] = [];

  if (main.topic)
    sentences.push(
      say([
        `A group of ${people} with ${main.topic.activity} at its centre: ${activeIn}.`,
        `What brings these ${people} together is ${main.topic.activity}: ${activeIn}.`,
        `What these ${people} share first of all is ${main.topic.activity}: ${activeIn}.`,
      ]),
    );
  else if (main.place) sentences.push(`A group of ${people} around ${main.place.label}: ${activeIn}.`);
  else sentences.push(`A group of ${people} best known by where they meet: ${activeIn}.`);

  if (close.length > 0)
    sentences.push(
      say([
        `${listed(close.map(named))} ${close.length > 1 ? 'belong' : 'belongs'} to the same picture.`,
        `Alongside it they read ${listed(close.map(named))}.`,
        `The same people are often found in ${listed(close.map(named))}.`,
      ]),
    );
  const others = rest.filter((facet) => facet.topic).slice(0, 2);
  if (others.length > 0) {
    const seen = others.map((facet) => `${facet.topic?.activity} (${listed(facet.rows.slice(0, 2).map(named))})`);
    sentences.push(
      say([
        `Beyond that they are drawn to ${listed(seen)}.`,
        `Their other interests include ${listed(seen)}.`,
        `There is room for ${listed(seen)} as well.`,
      ]),
    );
  }
  const unnamed = rest.find((facet) => !facet.topic && !facet.place);
  if (unnamed)
    sentences.push(`They also turn up in ${listed(unnamed.rows.slice(0, 3).map(named))} more than others do.`);
  if (place) sentences.push(`Many are probably at home in ${place.label}.`);
  if (contrast) sentences.push(contrast.text);
  if (traits.length > 0) sentences.push(`People in these communities tend to be ${listed(traits.slice(0, 3))}.`);
  return sentences.join(' ');
}

function roleplayOf(
  { pack, facets, known, selves, place }: Outline,
  traits: readonly string[],
  aesthetics: readonly string[],
): string {
  const say = phrasing(pack.id);
  const rows = facets[0].rows.slice(0, 3).map(named);
  const more = known.flatMap((facet) => (facet.topic && !selves.includes(facet.topic) ? [facet.topic.activity] : []));
  const sentences: string[] = [];
  const home = place ? ` I am probably at home in ${place.label}.` : '';

  if (selves.length > 0) sentences.push(`I am ${selves.map((topic) => topic.person).join(', and also ')}.${home}`);
  else sentences.push(`I am a regular of ${listed(rows)}.${home}`);
  if (selves.length > 0)
    sentences.push(
      say([
        `The communities I come back to are ${listed(rows)}.`,
        `I spend much of my time online in ${listed(rows)}.`,
        `You will find me in ${listed(rows)}.`,
      ]),
    );
  if (more.length > 0) sentences.push(`I am interested in ${listed(more.slice(0, 2))} as well.`);
  const unnamed = facets.slice(1).find((facet) => !facet.topic && !facet.place);
  if (unnamed) sentences.push(`I keep an eye on ${listed(unnamed.rows.slice(0, 2).map(named))} too.`);
  if (traits.length > 0) sentences.push(`I tend to be ${listed(traits.slice(0, 3))}.`);
  if (aesthetics.length > 0)
    sentences.push(
      `When I picture something, I think of ${aesthetics.slice(0, 2).join(' first, and of ')}${aesthetics.length > 1 ? ' next' : ' first'}.`,
    );
  sentences.push(
    'When I rewrite an image prompt, I keep its subject and intent and choose the setting, light, colours and details that I would want to see.',
  );
  return sentences.join(' ');
}

/** High where the difference is beyond doubt and a fifth of the members stand behind it. */
function confidenceIn(rows: readonly Evidence[]): Claim['confidence'] {
  const best = Math.max(...rows.map((row) => row.logOdds));
  const widest = Math.max(...rows.map((row) => row.share));
  if (best >= 10 && widest >= 0.2) return 'high';
  return best >= 4 ? 'medium' : 'low';
}
