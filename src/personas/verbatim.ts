/** Words in a row that two texts must share to count as copied. */
export const COPIED_WORDS = 6;

/** Remembers runs of words of texts that must not be repeated. */
export class VerbatimIndex {
  private readonly runs = new Set<string>();

  constructor(
    texts: Iterable<string>,
    private readonly length = COPIED_WORDS,
  ) {
    for (const text of texts) for (const run of this.runsOf(text)) this.runs.add(run);
  }

  /** Whether the text repeats a run, whatever its case and punctuation. */
  repeats(text: string): boolean {
    if (this.runs.size === 0) return false;
    for (const run of this.runsOf(text)) if (this.runs.has(run)) return true;
    return false;
  }

  private *runsOf(text: string): Generator<string> {
    const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    for (let i = 0; i + this.length <= words.length; i++) yield words.slice(i, i + this.length).join(' ');
  }
}
