/** A text of one action, kept for prompts. */
export interface KeptText {
  readonly userHi: number;
  readonly userLo: number;
  readonly createdUtc: number; // s, 0 = unknown
  readonly text: string;
}

interface Candidate extends KeptText {
  readonly priority: number; // 53 bits; smaller ones are kept
}

const MAX_PER_SUBREDDIT = 256;
const MAX_TEXTS = 2 ** 18; // in memory, of all subreddits: about 100 MB
const MAX_LENGTH = 400; // UTF-16 units of a text
const MIN_LENGTH = 30; // shorter ones say nothing

/**
 * A sample of texts, the same number for every subreddit that has so many. Each text has a number drawn from its keyed
 * author and its time, and those with the smallest stay; so the sample depends on the texts and not on the order in
 * which they come or on how they were split into files. The number a subreddit is the largest power of two, at most 256,
 * with which all of them fit into memory.
 */
export class SnippetSample {
  private perSubreddit = MAX_PER_SUBREDDIT;
  private numTexts = 0; // Σ min(perSubreddit, texts of a subreddit)
  private readonly bySubreddit = new Map<number, { kept: Candidate[]; limit: number }>();

  /** Keeps the text of an action or lets it go; `makeText` is called only where it may be kept. */
  offer(subreddit: number, userHi: number, userLo: number, createdUtc: number, makeText: () => string): void {
    const priority = priorityOf(userHi, userLo, createdUtc);
    const list = this.bySubreddit.get(subreddit);
    if (list !== undefined && priority > list.limit) return;
    const text = shorten(makeText());
    if (text.length < MIN_LENGTH) return;
    this.insert(subreddit, { priority, userHi, userLo, createdUtc, text });
  }

  /** The sample, by subreddit as offered; the order inside is that of the draw. */
  *entries(): Generator<[subreddit: number, texts: readonly KeptText[]]> {
    for (const [subreddit, list] of this.bySubreddit) {
      this.trim(list);
      yield [subreddit, list.kept];
    }
  }

  private insert(subreddit: number, candidate: Candidate): void {
    let list = this.bySubreddit.get(subreddit);
    if (list === undefined) {
      list = { kept: [], limit: Number.POSITIVE_INFINITY };
      this.bySubreddit.set(subreddit, list);
    }
    list.kept.push(candidate);
    if (list.kept.length <= this.perSubreddit) this.numTexts++;
    else if (list.kept.length >= 2 * this.perSubreddit) this.trim(list);
    while (this.numTexts > MAX_TEXTS && this.perSubreddit > 1) this.halve();
  }

  private halve(): void {
    this.perSubreddit /= 2;
    this.numTexts = 0;
    for (const list of this.bySubreddit.values()) {
      this.trim(list);
      this.numTexts += list.kept.length;
    }
  }

  private trim(list: { kept: Candidate[]; limit: number }): void {
    list.kept.sort(compareCandidates);
    if (list.kept.length < this.perSubreddit) return;
    list.kept.length = this.perSubreddit;
    list.limit = list.kept[this.perSubreddit - 1].priority;
  }
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return a.priority - b.priority || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
}

/** The hash of the user is keyed, so nobody can choose to be sampled. */
function priorityOf(userHi: number, userLo: number, createdUtc: number): number {
  const high = mix(userHi ^ mix(createdUtc ^ userLo));
  const low = mix(userLo ^ high) >>> 11;
  return high * 2 ** 21 + low;
}

/** The finalizer of murmur3. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function shorten(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  const end = /[\ud800-\udbff]/.test(text[MAX_LENGTH - 1]) ? MAX_LENGTH - 1 : MAX_LENGTH;
  return text.slice(0, end);
}
