import { wordsOf } from './topics.js';

/** Which subreddits share users: row s lists its nearest others. */
export interface Likeness {
  readonly rowPtr: Uint32Array; // [M + 1]
  readonly target: Uint32Array; // [E]
  readonly cosine: Float32Array; // [E] in (0, 1]
}

/** How much a word that is part of a subreddit's name counts beside the name itself. */
const WORD = 0.5;
/** How much of the score of a named subreddit its nearest others get, times their cosine. */
const SPREAD = 0.5;

/** Words that say nothing about what a group is interested in. */
const STOP_WORDS = new Set(
  (
    'about above again alone also among and another any are around aside away back become been before being below best better between beyond both bring brings ' +
    'but can care centre come comes communities community could drawn each easy else even ever every eye find first for found from gets good great group groups ' +
    'had has have help here high home how interest interested interests into its just keep kind know known less life light like likely little live look lot love made ' +
    'make many may might mind more most much must near need new next not often one online only other others our out over own part people person picture pictures probably ' +
    'rate read real really rest room same see set sets share should show side simple small some someone something sort spend stand subreddit such take takes tend tends than that ' +
    'the their them then there these they thing things think this those time times together too turn turns two use usual very want was way well were what when where ' +
    'which while who will with without work world would year you your rewrite image prompt subject intent choose setting colours details wanting average attention apart similar sets main describe described ask common thread typical compared whole moment stops broad general large pastime hobby call unusually'
  ).split(' '),
);

/**
 * Reads from a text which subreddits it speaks of, without a model: those it names as r/…, those whose names share a word
 * with it (rare words count more), and, weaker, those that share users with them. The same reader for every kind of
 * persona, so that a language model's words and the template's can be compared.
 */
export class TextScorer {
  private readonly idOf = new Map<string, number>(); // by lower-case name
  private readonly byWord = new Map<string, number[]>(); // stem → subreddits

  constructor(
    names: readonly string[],
    private readonly likeness: Likeness,
  ) {
    names.forEach((name, s) => {
      this.idOf.set(name.toLowerCase(), s);
      for (const word of new Set(wordsOf(name).map(stemOf))) {
        if (word.length < 3 || STOP_WORDS.has(word)) continue;
        const list = this.byWord.get(word);
        if (list) list.push(s);
        else this.byWord.set(word, [s]);
      }
    });
  }

  /** Score of each subreddit [M], ≥ 0, the highest 1; all 0 where the text speaks of none. */
  score(text: string): Float32Array {
    const size = this.idOf.size;
    const named = new Float64Array(size);
    for (const [, name] of text.matchAll(/(?<![\w/])\/?r\/([\p{L}\p{N}_.:-]*[\p{L}\p{N}_])/gu)) {
      const s = this.idOf.get(name.toLowerCase());
      if (s !== undefined) named[s] = Math.min(2, named[s] === 0 ? 1 : named[s] + 0.25);
    }
    const rest = text.replace(/(?<![\w/])\/?r\/[\p{L}\p{N}_.:-]+/gu, ' ').toLowerCase();
    const words = new Set((rest.match(/\p{L}{3,}/gu) ?? []).map(stemOf));
    for (const word of words) {
      if (STOP_WORDS.has(word)) continue;
      const list = this.byWord.get(word) ?? [];
      const rarity = Math.log(size / (list.length + 1)) / Math.log(size || 2);
      for (const s of list) named[s] += WORD * Math.max(0, rarity);
    }
    const scores = Float64Array.from(named);
    const { rowPtr, target, cosine } = this.likeness;
    for (let s = 0; s < size; s++) {
      if (named[s] === 0) continue;
      for (let e = rowPtr[s]; e < rowPtr[s + 1]; e++) scores[target[e]] += SPREAD * named[s] * cosine[e];
    }
    const highest = scores.reduce((most, x) => Math.max(most, x), 0) || 1;
    return Float32Array.from(scores, (x) => x / highest);
  }
}

/** Plural and -ing forms as one; crude, and the same on both sides. */
function stemOf(word: string): string {
  if (word.length > 5 && word.endsWith('ing')) return word.slice(0, -3);
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  return word.length > 3 && word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}
