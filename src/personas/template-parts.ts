import { Random } from '../core/random.js';
import type { Evidence } from './persona.js';
import type { Place } from './place-lexicon.js';
import type { Topic } from './topic-lexicon.js';
import { placeOf, topicOf } from './topics.js';
import { isNeutral } from './verify.js';

/** Rows that belong together: by topic, by place, or only in that we know no word for them. */
export interface Facet {
  readonly topic?: Topic;
  readonly place?: Place;
  readonly rows: readonly Evidence[]; // strongest first
  readonly weight: number; // (0, 1], all facets add up to 1
}

const MIN_FACET_WEIGHT = 0.05; // lighter ones stay in the evidence and out of the text
const MAX_FACETS = 5;

/**
 * Groups rows and weighs the groups by attention, times how far their subreddits stand out: a place where everybody is
 * says little about these people however often they are there.
 */
export function facetsOf(evidence: readonly Evidence[]): Facet[] {
  const groups = new Map<string, { topic?: Topic; place?: Place; rows: Evidence[]; mass: number; lead: number }>();
  for (const row of evidence) {
    const topic = topicOf(row.subreddit) ?? topicOfTable(row);
    const place = topic ? undefined : placeOf(row.subreddit);
    const named = topic ? topic.key : place ? `life in ${place.label}` : '';
    const key = row.facet === undefined ? named : `facet ${row.facet}`;
    const known = groups.get(key) ?? { rows: [], mass: 0, lead: 0 };
    const group = { ...(topic && { topic }), ...(place && { place }), ...known }; // a facet goes by its strongest known row
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

/** A topic that only a table of subreddits knows: named, with nothing read into it. */
function topicOfTable({ topic }: Evidence): Topic | undefined {
  if (topic === undefined || !isNeutral(topic)) return undefined;
  const activity = /^[A-Z][a-z]/.test(topic) ? topic.toLowerCase() : topic;
  const person = `someone interested in ${activity}`;
  const people = `people interested in ${activity}`;
  return { key: `table ${activity}`, activity, person, people, visual: [], traits: [], names: '' };
}

export function facetTitle(facet: Facet): string {
  if (facet.topic) return sentence(facet.topic.activity);
  if (facet.place) return `Life in ${facet.place.label}`;
  return listed(facet.rows.slice(0, 2).map(named));
}

/** Chooses among wordings by the persona's id, so that a hundred personas do not read like one form. */
export function phrasing(id: string): <T>(wordings: readonly T[]) => T {
  const random = new Random(0).fork('wording', id);
  return (wordings) => wordings[random.below(wordings.length)];
}

export function named(row: Evidence): string {
  return `r/${row.subreddit}`;
}

export function percentOf(share: number): string {
  const percent = share * 100;
  return `${percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(1))}%`;
}

export function timesAsUsual({ lift }: Evidence): string {
  if (lift >= 1.95 && lift < 2.05) return 'twice the usual rate';
  if (lift >= 10) return `${Math.round(lift).toLocaleString('en-US')} times the usual rate`;
  if (lift >= 1.1) return `${Number(lift.toPrecision(2))} times the usual rate`;
  return 'slightly above the usual rate';
}

/** `a`, `a and b`, `a, b and c`; with a comma before the last `and` where an item holds one itself. */
export function listed(items: readonly string[]): string {
  if (items.length <= 1) return items.join('');
  const comma = items.some((item) => item.includes(' and ')) ? ',' : '';
  return `${items.slice(0, -1).join(', ')}${comma} and ${items[items.length - 1]}`;
}

/** With a capital letter, unless it begins with a community's name. */
export function sentence(text: string): string {
  return text.startsWith('r/') ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

export function distinct<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
