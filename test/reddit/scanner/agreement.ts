import { sipHash24 } from '../../../src/core/siphash.js';
import { markOfText } from '../../../src/reddit/behaviour.js';
import { isNamedLikeBot } from '../../../src/reddit/known-bots.js';
import { newAction, readAction } from '../../../src/reddit/records.js';
import { createLineScanner, type ScannerKind } from '../../../src/reddit/scanner/create-scanner.js';
import {
  Field,
  HAS_NAME,
  type LineScanner,
  MAYBE_BOT,
  OUTCOMES,
  Outcome,
  OVER_18,
  POST,
  RECORD_WORDS,
  WINDOW_BYTES,
} from '../../../src/reddit/scanner/line-scanner.js';

export const KEY = Uint32Array.of(1, 2, 3, 4);
const action = newAction();
const hash = new Uint32Array(2);

/**
 * Whether a record says of a line what `readAction` says; undefined where it says that the line is odd. Else throws with
 * the line and both opinions.
 */
export function agrees(scanner: LineScanner, record: number): true | undefined {
  const { records, window } = scanner;
  const at = record * RECORD_WORDS;
  const flags = records[at + Field.flags];
  if ((flags & 0xff) === Outcome.odd) return undefined;
  const [begin, end] = [records[at + Field.begin], records[at + Field.end]];
  const drop = begin === end ? 'empty-line' : readAction(window, begin, end, action);
  const isAction = drop === null;
  const textBegin = records[at + Field.textBegin];
  // The kind is told where it counts: for kept actions and for posts of known communities.
  const expected = {
    outcome: drop ?? 'action',
    community: drop === 'empty-line' ? '' : action.subreddit,
    post: (isAction || (drop !== 'empty-line' && action.subreddit !== '')) && action.kind === 'post',
    over18: isAction && action.over18,
    score: isAction ? action.score : 0,
    createdUtc: isAction ? action.createdUtc : 0,
    author: isAction ? action.author : '',
    hash: isAction ? hashOf(action.author.toLowerCase()) : '',
    text: isAction ? textOf(window, begin, end) : '',
    mark: isAction && textBegin !== 0 ? markOfText(window, textBegin, textBegin + records[at + Field.textLength]) : 0,
  };
  const hasName = (flags & HAS_NAME) !== 0;
  const word = (field: number) => records[at + field];
  const bytes = (from: number, length: number) => window.toString('latin1', from, from + length);
  const got = {
    outcome: OUTCOMES[flags & 0xff],
    community: hasName ? scanner.nameOf(word(Field.name)) : '',
    post: (isAction || hasName) && (flags & POST) !== 0,
    over18: isAction && (flags & OVER_18) !== 0,
    score: isAction ? word(Field.score) | 0 : 0,
    createdUtc: isAction ? word(Field.createdUtc) : 0,
    author: isAction ? bytes(word(Field.authorBegin), word(Field.authorLength)) : '',
    hash: isAction ? `${word(Field.userHi)}:${word(Field.userLo)}` : '',
    text:
      isAction && word(Field.textBegin) !== 0
        ? JSON.parse(`"${bytes(word(Field.textBegin), word(Field.textLength))}"`)
        : '',
    mark: isAction ? word(Field.mark) : 0,
  };
  const missesBot = isAction && isNamedLikeBot(action.author) && (flags & MAYBE_BOT) === 0;
  if (JSON.stringify(got) === JSON.stringify(expected) && !missesBot) return true;
  throw new Error(`${JSON.stringify({ line: bytes(begin, end - begin), got, expected, missesBot })}`);
}

function hashOf(name: string): string {
  const bytes = Buffer.from(name);
  sipHash24(KEY, bytes, 0, bytes.length, hash);
  return `${hash[1]}:${hash[0]}`;
}

function textOf(window: Buffer, begin: number, end: number): string {
  const record = JSON.parse(window.toString('latin1', begin, end)) as { title?: unknown; body?: unknown };
  const text = action.kind === 'post' ? record.title : record.body;
  return typeof text === 'string' ? text : '';
}

/** Scans all bytes, cut anywhere, and holds every record against `readAction`. Returns lines and odd ones. */
export function scanAll(
  kind: ScannerKind,
  bytes: Buffer,
  chunk: () => number = () => WINDOW_BYTES,
  scanner = createLineScanner(kind, KEY),
): { lines: number; odd: number } {
  let [at, begin, have, lines, odd] = [0, 0, 0, 0, 0];
  for (let atEnd = false; !atEnd; ) {
    scanner.window.copyWithin(0, begin, have);
    have -= begin;
    begin = 0;
    const size = Math.min(WINDOW_BYTES - have, Math.max(1, chunk()));
    const got = bytes.copy(scanner.window, have, at, at + size);
    at += got;
    have += got;
    atEnd = at === bytes.length;
    do {
      begin = scanner.run(begin, have, atEnd);
      for (let i = 0; i < scanner.numRecords; i++) if (agrees(scanner, i) === undefined) odd++;
      lines += scanner.numRecords;
    } while (scanner.numRecords > 0);
  }
  return { lines, odd };
}
