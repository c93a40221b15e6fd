import { sipHash24 } from '../core/siphash.js';
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
  /** Everybody on a list of people or bots, by the hash of the lower-cased name under `key`. */
  listedUsers(key: Uint32Array): ListedUsers;
}

/** Why a hash is on a list; where it is on several, the first. Rules about names come before `BY_PSEUDONYM`. */
export const Listed = { NOT: 0, SUPPRESSED: 1, BOT: 2, BY_PSEUDONYM: 3 } as const;

/** The people on the lists by keyed hash, for readers that make no text of names. */
export class ListedUsers {
  private readonly mask: number;
  private readonly userHi: Uint32Array;
  private readonly userLo: Uint32Array;
  private readonly why: Uint8Array; // of `Listed`

  constructor(entries: readonly (readonly [userHi: number, userLo: number, why: number])[]) {
    const size = 2 ** Math.ceil(Math.log2(2 * entries.length + 2));
    this.mask = size - 1;
    this.userHi = new Uint32Array(size);
    this.userLo = new Uint32Array(size);
    this.why = new Uint8Array(size);
    for (const [userHi, userLo, why] of entries) {
      const slot = this.slotOf(userHi, userLo);
      this.userHi[slot] = userHi;
      this.userLo[slot] = userLo;
      if (this.why[slot] === Listed.NOT || why < this.why[slot]) this.why[slot] = why;
    }
  }

  /** One of `Listed`. */
  reasonOf(userHi: number, userLo: number): number {
    return this.why[this.slotOf(userHi, userLo)];
  }

  private slotOf(userHi: number, userLo: number): number {
    let slot = userLo & this.mask;
    while (this.why[slot] !== Listed.NOT && (this.userHi[slot] !== userHi || this.userLo[slot] !== userLo))
      slot = (slot + 1) & this.mask;
    return slot;
  }
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
    listedUsers(key) {
      const hash = new Uint32Array(2);
      const named = (name: string, why: number): [number, number, number] => {
        const bytes = Buffer.from(name);
        sipHash24(key, bytes, 0, bytes.length, hash);
        return [hash[1], hash[0], why];
      };
      return new ListedUsers([
        ...Array.from(suppressed, (name) => named(name, Listed.SUPPRESSED)),
        ...Array.from(bots, (name) => named(name, Listed.BOT)),
        ...Array.from(suppressedPseudonyms, (hex): [number, number, number] => [
          Number.parseInt(hex.slice(0, 8), 16),
          Number.parseInt(hex.slice(8), 16),
          Listed.BY_PSEUDONYM,
        ]),
      ]);
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
