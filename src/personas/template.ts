import { Random } from '../core/random.js';
import { capped } from '../llm/plain-text.js';
import type { EvidencePack } from './evidence.js';
import { type Claim, type Evidence, LIMITS, NO_DEMOGRAPHICS, type PersonaDraft } from './persona.js';
import { type Place, placeOf, type Topic, topicOf } from './topics.js';
import { supportsDemographic } from './verify.js';

/**
 * Personas without a model: English sentences over evidence, the same for the same evidence. The words know subreddits
 * by name only, so they speak of interests and how people of such communities tend to be, and never of age or gender.
 */
export const TEMPLATE_VERSION = 'template-1';

/** One draft per pack, which must have evidence. Titles differ within the list. */
export function templateDrafts(packs: readonly EvidencePack[]): PersonaDraft[] {
  const outlines = packs.map(outlineOf);
  const titles = distinctTitles(packs, outlines.map(titleOf));
  return outlines.map((outline, n) => write(outline, titles[n]));
}

/** Rows that belong together: by topic, by place, or only in that we know no word for them. */
interface Facet {
  readonly topic?: Topic;
  readonly place?: Place;
  readonly rows: readonly Evidence[]; // strongest first
  readonly weight: number; // (0, 1], all facets add up to 1
}

interface Outline {
  readonly pack: EvidencePack;
  readonly facets: readonly Facet[]; // the one that leads first
  readonly known: readonly Facet[]; // those with a topic, in the same order
  readonly selves: readonly Topic[]; // at most two that carry enough weight to say what these people are
  readonly country: Claim | undefined; // the claim that supports it
  readonly place: Place | undefined; // set together with `country`
}

const MIN_FACET_WEIGHT = 0.05; // lighter ones stay in the evidence and out of the text
const MAX_FACETS = 5;

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

/**
 * Groups rows and weighs the groups by attention, times how far their subreddits stand out: a place where everybody is
 * says little about these people however often they are there.
 */
function facetsOf(evidence: readonly Evidence[]): Facet[] {
  const groups = new Map<string, { topic?: Topic; place?: Place; rows: Evidence[]; mass: number; lead: number }>();
  for (const row of evidence) {
    const topic = topicOf(row.subreddit);
    const place = topic ? undefined : placeOf(row.subreddit);
    const key = topic ? topic.key : place ? `life in ${place.label}` : '';
    const group = groups.get(key) ?? { ...(topic && { topic }), ...(place && { place }), rows: [], mass: 0, lead: 0 };
    group.rows.push(row);
    const mass = (row.attention + 0.1 * row.share) * Math.log2(1 + row.lift);
    group.mass += mass;
    group.lead = key === '' ? Math.max(group.lead, mass) : group.mass; // strangers to each other do not lead together
    groups.set(key, group);
  }
  const total = [...groups.values()].reduce((sum, { mass }) => sum + mass, 0);
  return [...groups.values()]
    .sort((a, b) => b.lead - a.lead || evidence.indexOf(a.rows[0]) - evidence.indexOf(b.rows[0]))
    .map(({ mass, lead: _, ...facet }) => ({ ...facet, weight: mass / total }))
    .filter((facet, n) => n === 0 || facet.weight >= MIN_FACET_WEIGHT)
    .slice(0, MAX_FACETS);
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

function facetTitle(facet: Facet): string {
  if (facet.topic) return sentence(facet.topic.activity);
  if (facet.place) return `Life in ${facet.place.label}`;
  return listed(facet.rows.slice(0, 2).map(named));
}

/** High where the difference is beyond doubt and a fifth of the members stand behind it. */
function confidenceIn(rows: readonly Evidence[]): Claim['confidence'] {
  const best = Math.max(...rows.map((row) => row.logOdds));
  const widest = Math.max(...rows.map((row) => row.share));
  if (best >= 10 && widest >= 0.2) return 'high';
  return best >= 4 ? 'medium' : 'low';
}

/** Chooses among wordings by the persona's id, so that a hundred personas do not read like one form. */
function phrasing(id: string): (wordings: readonly string[]) => string {
  const random = new Random(0).fork('wording', id);
  return (wordings) => wordings[random.below(wordings.length)];
}

function named(row: Evidence): string {
  return `r/${row.subreddit}`;
}

function percentOf(share: number): string {
  const percent = share * 100;
  return `${percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(1))}%`;
}

function timesAsUsual({ lift }: Evidence): string {
  if (lift >= 1.95 && lift < 2.05) return 'twice the usual rate';
  if (lift >= 10) return `${Math.round(lift).toLocaleString('en-US')} times the usual rate`;
  if (lift >= 1.1) return `${Number(lift.toPrecision(2))} times the usual rate`;
  return 'slightly above the usual rate';
}

/** `a`, `a and b`, `a, b and c`; with a comma before the last `and` where an item holds one itself. */
function listed(items: readonly string[]): string {
  if (items.length <= 1) return items.join('');
  const comma = items.some((item) => item.includes(' and ')) ? ',' : '';
  return `${items.slice(0, -1).join(', ')}${comma} and ${items[items.length - 1]}`;
}

/** With a capital letter, unless it begins with a community's name. */
function sentence(text: string): string {
  return text.startsWith('r/') ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
