/** Words of prompts, by rules that need no model: English, and forgiving elsewhere. */

/** A function that keeps its last result: a prompt is looked at once, however many personas it is rewritten for. */
export function lastKept<T>(compute: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly value: T } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, value: compute(text) };
    return last.value;
  };
}

const STOP = new Set(
  'a an the and or but nor of in on at to from by with without into onto over under above below between behind beside near against across around through for as is are was were be been being has have had do does did it its this that these those there their they them his her he she him who whom which whose what where when while than then so such very some any each no not my your our i you we me us up down out off upon also just only more most other own same one two three'.split(
    ' ',
  ),
);

/** Where a noun phrase ends: what follows says where, how or doing what. */
const PHRASE_END = new Set(
  'in on at to from by with without into onto over under above below between behind beside near against across around through during after before while as who that which where wearing holding standing sitting running walking looking riding playing flying swimming sleeping eating made surrounded'.split(
    ' ',
  ),
);

/** Words such as "photo of", which say how something is shown and not what. */
const DEPICTION =
  /^(?:an?|the)?\s*(?:[\p{L}-]+\s+){0,2}?(?:photo(?:graph)?|picture|image|painting|drawing|illustration|portrait|render(?:ing)?|sketch|poster|view|scene|shot|close-?up)s?\s+of\s+/iu;

/** Lower-case words of a text, in order. Hyphens and apostrophes stay inside. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}

/** The same word in singular and without a possessive, roughly. */
export function stemOf(word: string): string {
  const bare = word.replace(/['’]s?$/, '');
  if (bare.length > 4 && bare.endsWith('ies')) return `${bare.slice(0, -3)}y`;
  if (bare.length > 4 && /(?:[sxz]|ch|sh)es$/.test(bare)) return bare.slice(0, -2);
  if (bare.length > 3 && bare.endsWith('s') && !/(?:ss|us|is)$/.test(bare)) return bare.slice(0, -1);
  return bare;
}

/** Stems of the words that carry meaning, each once, in order. */
export function contentStems(text: string): string[] {
  return [
    ...new Set(
      wordsOf(text)
        .filter((word) => !STOP.has(word))
        .map(stemOf),
    ),
  ];
}

/** The same for prompts that differ in letters, order and little words alone. */
export function promptKey(prompt: string): string {
  return contentStems(prompt).sort().join(' ');
}

/** What a prompt shows: its first noun phrase. */
export interface Subject {
  readonly phrase: string; // as written
  readonly head: string; // stem of the phrase's last word that carries meaning; '' for a prompt without any
  readonly stems: readonly string[]; // of the phrase
}

/**
 * The subject of a prompt: what comes before the first comma, preposition or participle, without "a photo of". Its head is
 * the last word that carries meaning, as in most English noun phrases.
 */
export const subjectOf = lastKept((prompt: string): Subject => {
  const shown = prompt.replace(DEPICTION, '');
  const clause = shown.split(/[,.;:!?()[\]\n]/).find((part) => contentStems(part).length > 0) ?? '';
  const taken: string[] = [];
  for (const word of clause.trim().split(/\s+/)) {
    const bare = word.toLowerCase();
    if (PHRASE_END.has(bare) && contentStems(taken.join(' ')).length > 0) break;
    taken.push(word);
  }
  const phrase = taken.join(' ');
  const stems = contentStems(phrase);
  return { phrase, head: stems[stems.length - 1] ?? '', stems };
});
