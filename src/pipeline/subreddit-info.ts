import { parse } from 'csv-parse/sync';
import { InputError, messageOf } from '../core/errors.js';
import type { SubredditInfo } from '../personas/evidence.js';
import { openDecompressed } from '../reddit/decompress.js';
import { detectDelimiter } from '../reddit/delimited.js';

/** Titles that a column may have, by what it holds. */
const TITLES = {
  name: ['subreddit', 'community', 'name'],
  topic: ['topic', 'category', 'cluster_name'],
  description: ['description'],
  over18: ['over18', 'over_18', 'nsfw'],
} as const;

/**
 * A table of subreddits: CSV or TSV, compressed or not. With a header it may have the columns subreddit, topic, description
 * and over18; without one a column of r/… names or else the first is the name, and the others are topics, from wide to narrow.
 */
export async function readSubredditInfo(path: string): Promise<Map<string, SubredditInfo>> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of await openDecompressed({ path, isStdin: false })) chunks.push(chunk);
  } catch (thrown) {
    throw new InputError('ERR_SUBREDDIT_INFO', `Cannot read the table ${path}: ${messageOf(thrown)}.`, { path });
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const delimiter = detectDelimiter(text.slice(0, text.indexOf('\n') >>> 0)) ?? ',';
  const rows = parse(text, {
    delimiter,
    bom: true,
    quote: delimiter === '\t' ? null : '"',
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
  }) as string[][];
  const header = rows[0]?.map((cell) => cell.trim().toLowerCase()) ?? [];
  const columnOf = (kind: keyof typeof TITLES) =>
    header.findIndex((title) => (TITLES[kind] as readonly string[]).includes(title));
  const hasHeader = columnOf('name') >= 0;
  if (!hasHeader && header.length < 2)
    throw new InputError(
      'ERR_SUBREDDIT_INFO',
      `${path}: expected a column subreddit and at least one of topic, description, over18.`,
      { path },
    );
  const at = {
    name: hasHeader
      ? columnOf('name')
      : Math.max(
          0,
          header.findIndex((cell) => /^\/?r\//.test(cell)),
        ),
    topic: columnOf('topic'),
    description: columnOf('description'),
    over18: columnOf('over18'),
  };
  const info = new Map<string, SubredditInfo>();
  for (const cells of hasHeader ? rows.slice(1) : rows) {
    const name = (cells[at.name] ?? '')
      .trim()
      .replace(/^\/?r\//i, '')
      .toLowerCase();
    if (name === '') continue;
    const levels = cells.slice(0, 4).filter((cell, i) => i !== at.name && cell.trim() !== '');
    const topic = hasHeader ? cells[at.topic] : levels.slice(-2).join(', ');
    const description = cells[at.description];
    const over18 = /^(?:true|1|yes)$/i.test(cells[at.over18] ?? '');
    info.set(name, {
      ...(topic?.trim() && { topic: topic.trim() }),
      ...(description?.trim() && { description: description.trim() }),
      ...(over18 && { over18 }),
    });
  }
  return info;
}
