import type { Random } from '../core/random.js';
import { VISUAL_INTERESTS, type VisualInterest } from '../personas/persona.js';
import type { PersonaView } from './persona-view.js';
import { MOTIFS, STYLES } from './visual-words.js';
import { contentStems, lastKept } from './words.js';

/** The side of a persona that answers a prompt. */
export interface ChosenFacet {
  readonly title: string;
  readonly similarity: number; // cosine of the sets of words, [0, 1]; 0: nothing in common, drawn by weight
}

/** The words of each facet, kept while the persona is: they are the same for every prompt. */
const facetWords = new WeakMap<PersonaView, readonly Set<string>[]>();

function wordsOfFacets(persona: PersonaView): readonly Set<string>[] {
  const known = facetWords.get(persona) ?? persona.facets.map(({ title }) => expanded(title));
  facetWords.set(persona, known);
  return known;
}

/** Stems that a text calls up: its own, and those of the motifs that its words stand for. */
const expanded = lastKept((text: string): Set<string> => {
  const lower = text.toLowerCase();
  const motifs = MOTIFS.filter(([names]) => names.test(lower)).flatMap(([, phrases]) => phrases);
  return new Set(contentStems([text, ...motifs].join(' ')));
});

/**
 * The facet nearest to the prompt in words; among facets that share no word with it, one drawn in proportion to weight, so
 * that over many prompts every side of a persona gets its turn. Undefined for a persona without facets.
 */
export function chooseFacet(prompt: string, persona: PersonaView, random: Random): ChosenFacet | undefined {
  const { facets } = persona;
  if (facets.length === 0) return undefined;
  const wanted = expanded(prompt);
  const similarities = wordsOfFacets(persona).map((words) => cosine(wanted, words));
  const best = similarities.indexOf(Math.max(...similarities));
  if (similarities[best] > 0) return { title: facets[best].title, similarity: similarities[best] };
  const total = facets.reduce((sum, { weight }) => sum + weight, 0);
  let left = random.float() * total;
  const drawn = facets.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return { title: (drawn ?? facets[0]).title, similarity: 0 };
}

function cosine(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  return shared === 0 ? 0 : shared / Math.sqrt(a.size * b.size);
}

const KEYWORDS = VISUAL_INTERESTS.map((interest) => [interest, new Set(STYLES[interest].keywords.split(' '))] as const);

/** The visual interest that most words of the prompt belong to, the first of equals; undefined where none does. */
export const visualInterestOf = lastKept((prompt: string): VisualInterest | undefined => {
  const stems = contentStems(prompt);
  let best: VisualInterest | undefined;
  let most = 0;
  for (const [interest, keywords] of KEYWORDS) {
    const hits = stems.filter((stem) => keywords.has(stem)).length;
    if (hits > most) [best, most] = [interest, hits];
  }
  return best;
});
