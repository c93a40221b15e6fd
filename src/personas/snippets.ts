import { estimateTokens } from '../llm/language-model.js';
import { capped, plainText } from '../llm/plain-text.js';

/** Something that a member of the group wrote in one of its communities. */
export interface Snippet {
  readonly user: number;
  readonly text: string; // as found
}

export interface SnippetOptions {
  readonly minUsers: number; // different people who must have written before anything is shown
  readonly tokenBudget: number;
  readonly maxLength?: number; // characters of one, default 280
  readonly minLength?: number; // shorter ones say nothing, default 30
}

/** How much likeness to what is chosen already counts against a text. */
const DIVERSITY = 0.7;
/** Cosine from which two texts say the same. */
const ALIKE = 0.6;

/**
 * The texts that stand for the others and differ among themselves, one a person, until the budget is used: greedily the
 * one with the highest cosine to the mean of all, less `DIVERSITY` times that to the nearest chosen one (maximal
 * marginal relevance, Carbonell & Goldstein 1998), over TF-IDF. Empty where fewer than `minUsers` people wrote.
 */
export function chooseSnippets(snippets: readonly Snippet[], options: SnippetOptions): string[] {
  const { minUsers, tokenBudget, maxLength = 280, minLength = 30 } = options;
  const seen = new Set<string>();
  const candidates: { user: number; text: string }[] = [];
  for (const { user, text } of snippets) {
    const clean = capped(withoutPersons(text), maxLength);
    if (clean.length < minLength || seen.has(clean)) continue;
    seen.add(clean);
    candidates.push({ user, text: clean });
  }
  if (new Set(candidates.map(({ user }) => user)).size < minUsers) return [];
  const vectors = tfIdf(candidates.map(({ text }) => text));
  const mean = new Map<string, number>();
  for (const vector of vectors) for (const [term, x] of vector) mean.set(term, (mean.get(term) ?? 0) + x);
  const centrality = vectors.map((vector) => cosine(vector, mean));
  const likeness = new Float64Array(candidates.length); // to the nearest chosen one
  const chosen: string[] = [];
  const users = new Set<number>();
  let tokens = 0;
  for (;;) {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    candidates.forEach(({ user, text }, i) => {
      if (users.has(user) || likeness[i] > ALIKE || tokens + estimateTokens(text) > tokenBudget) return;
      const score = centrality[i] - DIVERSITY * likeness[i];
      if (score > bestScore) {
        best = i;
        bestScore = score;
      }
    });
    if (best === -1) return chosen;
    const { user, text } = candidates[best];
    chosen.push(text);
    users.add(user);
    tokens += estimateTokens(text);
    vectors.forEach((vector, i) => {
      likeness[i] = Math.max(likeness[i], cosine(vector, vectors[best]));
    });
  }
}

/** Text without what leads to a person: accounts, links, addresses, numbers that could be telephones; no quotations. */
export function withoutPersons(text: string): string {
  return plainText(
    text
      .replace(/^\s*(?:>|&gt;).*$/gm, ' ') // what somebody else said
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1') // the words of a link
      .replace(/\b(?:https?|ftp):\/\/\S+|\bwww\.\S+/gi, ' ')
      .replace(/[\w.+-]+@[\w-]+\.[\w.]+/g, ' ')
      .replace(/(?<![\w/])\/?u\/[\w-]+/gi, 'someone')
      .replace(/(?<!\w)@\w+/g, 'someone')
      .replace(/\+?\d[\d ().-]{6,}\d/g, ' ')
      .replace(/[*_~`^|<>]+|&(?:amp|lt|gt|nbsp|#\d+|#x[\da-f]+);/gi, ' '),
  );
}

function tfIdf(texts: readonly string[]): Map<string, number>[] {
  const counts = texts.map((text) => {
    const terms = new Map<string, number>();
    for (const term of text.toLowerCase().match(/\p{L}{3,}/gu) ?? []) terms.set(term, (terms.get(term) ?? 0) + 1);
    return terms;
  });
  const documents = new Map<string, number>();
  for (const terms of counts) for (const term of terms.keys()) documents.set(term, (documents.get(term) ?? 0) + 1);
  return counts.map((terms) => {
    const vector = new Map<string, number>();
    let squared = 0;
    for (const [term, n] of terms) {
      const x = (1 + Math.log(n)) * Math.log(1 + texts.length / (documents.get(term) as number));
      vector.set(term, x);
      squared += x * x;
    }
    for (const [term, x] of vector) vector.set(term, x / Math.sqrt(squared));
    return vector;
  });
}

/** Cosine of a unit vector and any other. */
function cosine(unit: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
  let dot = 0;
  let squared = 0;
  for (const [term, x] of unit) dot += x * (other.get(term) ?? 0);
  for (const x of other.values()) squared += x * x;
  return squared === 0 ? 0 : dot / Math.sqrt(squared);
}
