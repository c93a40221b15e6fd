import { readFile } from 'node:fs/promises';
import { TableWriter } from '../artifacts/arrow.js';
import { SNIPPETS } from '../artifacts/tables.js';
import type { Subreddit, UserBatch } from '../reddit/run-merge.js';
import { SnippetSample } from '../reddit/snippets.js';
import type { ScannedFile, SnippetLine } from './scan-files.js';

interface Row {
  readonly userHi: number;
  readonly userLo: number;
  readonly subreddit: number;
  readonly createdUtc: number;
  readonly text: string;
}

/** Writes `snippets.arrow`: the samples of all files, sampled once more together, of people who are in the table of users. */
export class SnippetTable {
  private next = 0; // row
  private written = 0;

  private constructor(
    private readonly rows: readonly Row[], // ascending by user, subreddit, time, text
    private readonly writer: TableWriter<typeof SNIPPETS>,
  ) {}

  static async open(
    folder: string,
    scanned: readonly ScannedFile[],
    subreddits: readonly Subreddit[],
  ): Promise<SnippetTable> {
    const idOf = new Map(subreddits.map(({ key }, id) => [key, id]));
    const sample = new SnippetSample();
    for (const { snippets } of scanned) {
      if (snippets === undefined) continue;
      for (const line of (await readFile(snippets, 'utf8')).split('\n')) {
        if (line === '') continue;
        const { subreddit, userHi, userLo, createdUtc, text } = JSON.parse(line) as SnippetLine; // our own file
        const id = idOf.get(subreddit);
        if (id !== undefined) sample.offer(id, userHi, userLo, createdUtc, () => text);
      }
    }
    const rows: Row[] = [];
    for (const [subreddit, texts] of sample.entries()) for (const kept of texts) rows.push({ ...kept, subreddit });
    rows.sort(
      (a, b) =>
        a.userHi - b.userHi ||
        a.userLo - b.userLo ||
        a.subreddit - b.subreddit ||
        a.createdUtc - b.createdUtc ||
        (a.text < b.text ? -1 : 1),
    );
    return new SnippetTable(rows, new TableWriter(folder, SNIPPETS));
  }

  /** Writes the texts of a batch's users, the first of whom has the given id. Users come in the order of their hash. */
  takeUsers({ userHi, userLo }: UserBatch, firstId: number): void {
    const { rows } = this;
    const taken: Row[] = [];
    const user: number[] = [];
    for (let u = 0; u < userHi.length && this.next < rows.length; ) {
      const row = rows[this.next];
      const order = row.userHi - userHi[u] || row.userLo - userLo[u];
      if (order > 0) u++;
      else this.next++; // before the user: somebody who was left out
      if (order !== 0) continue;
      taken.push(row);
      user.push(firstId + u);
    }
    this.written += taken.length;
    this.writer.append({
      user: Uint32Array.from(user),
      subreddit: Uint32Array.from(taken, (row) => row.subreddit),
      created_utc: BigInt64Array.from(taken, (row) => BigInt(row.createdUtc)),
      text: taken.map((row) => row.text),
    });
  }

  /** Returns the number of rows. */
  close(): number {
    this.writer.close();
    return this.written;
  }
}
