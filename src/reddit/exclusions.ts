import { isNamedLikeBot, KNOWN_BOTS } from './known-bots.js';
import type { DropReason } from './records.js';
import { subredditKey } from './records.js';

/** Who and what is left out of a scan. Names without regard to case. */
export interface Exclusions {
  readonly includeOver18: boolean;
  /** Why a person is left out by name, or null. `name` as spelled. */
  dropUser(name: string): DropReason | null;
  /** Why a person is left out by pseudonym, or null. */
  dropPseudonym(userHi: number, userLo: number): DropReason | null;
  /** Why a community is left out, or null. `key` as `subredditKey` gives it. */
  dropSubreddit(key: string): DropReason | null;
}

export interface ExclusionLists {
  readonly botNames?: Iterable<string>; // in addition to those known here
  readonly suppressedUsers?: Iterable<string>; // names, or pseudonyms as 16 hex digits
  readonly excludedSubreddits?: Iterable<string>;
  readonly over18Subreddits?: Iterable<string>; // without effect where over-18 is included
  readonly subredditAllowlist?: Iterable<string>; // where given, only these are kept
  readonly includeOver18?: boolean; // default false
}

export function createExclusions(lists: ExclusionLists = {}): Exclusions {
  const includeOver18 = lists.includeOver18 ?? false;
  const bots = new Set(KNOWN_BOTS);
  for (const name of lists.botNames ?? []) bots.add(name.toLowerCase());
  const excluded = keysOf(lists.excludedSubreddits);
  const over18 = includeOver18 ? new Set<string>() : keysOf(lists.over18Subreddits);
  const allowed = lists.subredditAllowlist && keysOf(lists.subredditAllowlist);

  const suppressed = new Set<string>();
  const suppressedPseudonyms = new Set<string>();
  for (const entry of lists.suppressedUsers ?? []) {
    suppressed.add(entry.toLowerCase()); // 16 hex digits can be a name too
    if (/^[0-9a-f]{16}$/i.test(entry)) suppressedPseudonyms.add(entry.toLowerCase());
  }

  return {
    includeOver18,
    dropUser(name) {
      const key = name.toLowerCase();
      if (suppressed.has(key)) return 'suppressed';
      return bots.has(key) || isNamedLikeBot(name) ? 'bot' : null;
    },
    dropPseudonym(userHi, userLo) {
      if (suppressedPseudonyms.size === 0) return null; // the usual case costs no text
      return suppressedPseudonyms.has(pseudonymOf(userHi, userLo)) ? 'suppressed' : null;
    },
    dropSubreddit(key) {
      if (excluded.has(key) || (allowed && !allowed.has(key))) return 'excluded-subreddit';
      return over18.has(key) ? 'over-18-subreddit' : null;
    },
  };
}

/** A user's keyed hash as people read and write it: 16 lower-case hex digits, high word first. */
export function pseudonymOf(userHi: number, userLo: number): string {
  return userHi.toString(16).padStart(8, '0') + userLo.toString(16).padStart(8, '0');
}

/**
 * Names of a list file: one a line, or the first column of a tab-separated table. Blank lines and lines that start with
 * `#` are skipped, and so is a table's first row where its first cell is a column title. `u/` and `r/` are taken off.
 */
export function parseNameList(text: string): string[] {
  const names: string[] = [];
  let first = true;
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    const [cell, ...others] = line.split('\t');
    const name = cell.trim();
    if (name === '' || name.startsWith('#')) continue;
    const isTitle =
      first && others.length > 0 && /^(?:name|user|username|author|subreddit|community)(?:_|$)/i.test(name);
    first = false;
    if (!isTitle) names.push(name.replace(/^\/?[ur]\//i, ''));
  }
  return names;
}

function keysOf(names: Iterable<string> = []): Set<string> {
  return new Set(Array.from(names, subredditKey));
}
