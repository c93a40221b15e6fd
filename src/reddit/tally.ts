import { InputError, IntegrityError, StopRequested } from '../core/errors.js';
import { sipHash24 } from '../core/siphash.js';
import { markOfText } from './behaviour.js';
import { type Exclusions, Listed, type ListedUsers } from './exclusions.js';
import { isNamedLikeBot } from './known-bots.js';
import { DROP_REASONS, type DropReason, newAction, readAction, subredditKey } from './records.js';
import type { LineReceiver } from './scan-lines.js';
import type { ScannerKind } from './scanner/create-scanner.js';
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
} from './scanner/line-scanner.js';
import type { SnippetSample } from './snippets.js';
import type { OnTableRow } from './table-columns.js';

/** Where interactions go. A user is 64 bits of keyed hash: the name itself never leaves the scan. */
export interface InteractionSink {
  /** The number under which a community is added. The same one may come in several spellings: see `subredditKey`. */
  intern(subreddit: string): number;
  add(
    userHi: number, // uint32
    userLo: number, // uint32
    subreddit: number, // from `intern`
    posts: number,
    comments: number,
    score: number,
    firstUtc: number, // s, 0 when unknown
    lastUtc: number, // s, 0 when unknown
    mark?: number, // stands for the text, 0 = none: see `markOfText`
  ): void;
}

export type InputFormat = 'dump' | 'table' | 'arrow' | 'parquet';

export interface ScanOptions {
  readonly keyWords: Uint32Array; // [4], the key of `sipHash24`
  readonly exclusions: Exclusions;
  readonly onBadLine: 'count' | 'stop';
  readonly format?: InputFormat | 'auto' | undefined; // default 'auto': by content
  readonly columns?: readonly string[] | undefined; // titles of a table's columns by position
  readonly scanner?: ScannerKind | undefined; // of dumps; default: the fastest there is
  readonly blocking?: boolean | undefined; // of this thread while a program decodes: see `openDecompressed`
  readonly snippets?: SnippetSample | undefined; // gathers texts, by the sink's numbers of subreddits
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

export interface ScanProgress {
  readonly bytes: number | undefined; // of the input file, compressed as it is; undefined where nobody knows
  readonly read: number; // lines or rows so far
}

/** What became of every line or row: `read` = `kept` + all of `dropped`. */
export interface ScanCounts {
  readonly format: InputFormat;
  readonly read: number; // lines, or rows of a table without its header
  readonly kept: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly bytes: number; // after decompression
  readonly slowLines: number; // of a dump, that only `JSON.parse` could judge
  /** By `subredditKey`, of every submission whose community is known, also of those dropped for another reason. */
  readonly submissionsBySubreddit: ReadonlyMap<string, { readonly submissions: number; readonly over18: number }>;
  readonly ignoredColumns: readonly string[];
  readonly note?: string | undefined; // what a person should know about how the input was read, if anything
}

/** What is known of a spelling of a community's name that the scanner numbered. */
interface KnownName {
  readonly key: string;
  sinkId: number; // -1 until an action in it is kept
  readonly reason: DropReason | null;
  submissions: number;
  over18: number;
}

/** Counts what becomes of lines and rows, and hands the kept ones on. */
export class Tally implements LineReceiver {
  private seen = 0; // lines and rows so far
  private kept = 0;
  private slowLines = 0;
  private readonly dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;
  private readonly submissions = new Map<string, { submissions: number; over18: number }>();
  private readonly names: KnownName[] = []; // by the scanner's number
  private readonly action = newAction();
  private readonly hash = new Uint32Array(2);
  private readonly nameBytes = Buffer.alloc(1024); // UTF-8 of the longest name, 256 UTF-16 code units, is 768
  private readonly listed: ListedUsers;

  constructor(
    private readonly path: string,
    private readonly options: ScanOptions,
    private readonly sink: InteractionSink,
    private readonly position: () => number | undefined,
  ) {
    this.listed = options.exclusions.listedUsers(options.keyWords);
  }

  /** Whether any line was a submission or a comment, kept or not. */
  get hasActions(): boolean {
    const { dropped } = this;
    const strange = dropped['empty-line'] + dropped['line-too-long'] + dropped['not-json'] + dropped['not-a-record'];
    return this.seen > strange;
  }

  records(scanner: LineScanner): void {
    const { records, numRecords } = scanner;
    const { names, sink, dropped, options } = this;
    this.learnNames(scanner);
    for (let at = 0; at < numRecords * RECORD_WORDS; at += RECORD_WORDS) {
      const flags = records[at + Field.flags];
      const outcome = flags & 0xff;
      if (outcome === Outcome.odd) {
        this.line(scanner.window, records[at + Field.begin], records[at + Field.end]);
        continue;
      }
      const isPost = (flags & POST) !== 0 ? 1 : 0;
      const name = (flags & HAS_NAME) !== 0 ? names[records[at + Field.name]] : undefined;
      if (isPost === 1 && name !== undefined) {
        name.submissions++;
        if ((flags & OVER_18) !== 0) name.over18++;
      }
      const reason =
        outcome === Outcome.action ? this.excludeRecord(scanner, at, name as KnownName) : OUTCOMES[outcome];
      if (this.seen % VERIFY_EVERY === 0) this.verify(scanner, at, reason as DropReason | null);
      if (reason === null) {
        const id = this.sinkIdOf(scanner, name as KnownName, records[at + Field.name]);
        const utc = records[at + Field.createdUtc];
        this.kept++;
        sink.add(
          records[at + Field.userHi],
          records[at + Field.userLo],
          id,
          isPost,
          1 - isPost,
          records[at + Field.score] | 0,
          utc,
          utc,
          records[at + Field.mark],
        );
        if (options.snippets !== undefined) this.offerSnippet(options.snippets, scanner, at, id);
      } else if (options.onBadLine === 'count') dropped[reason as DropReason]++;
      else this.drop(reason as DropReason, this.seen + 1);
      this.advance();
    }
  }

  private offerSnippet(snippets: SnippetSample, { records, window }: LineScanner, at: number, id: number): void {
    const begin = records[at + Field.textBegin];
    const end = begin + records[at + Field.textLength];
    if (begin === 0) return;
    const [userHi, userLo, utc] = [
      records[at + Field.userHi],
      records[at + Field.userLo],
      records[at + Field.createdUtc],
    ];
    snippets.offer(id, userHi, userLo, utc, () => JSON.parse(`"${window.toString('utf8', begin, end)}"`));
  }

  line(bytes: Buffer, begin: number, end: number): void {
    this.slowLines++;
    const { action } = this;
    const reason = this.judge(bytes, begin, end);
    const key = subredditKey(action.subreddit);
    if (action.kind === 'post' && key !== '') this.countSubmissions(key, 1, action.over18 ? 1 : 0);
    if (reason === null) {
      const { kind, subreddit, score, createdUtc, text } = action;
      const [userLo, userHi] = this.hash;
      const isPost = kind === 'post' ? 1 : 0;
      const id = this.sink.intern(subreddit);
      const written = Buffer.from(JSON.stringify(text).slice(1, -1), 'latin1'); // as the fast scanners see it
      const mark = markOfText(written, 0, written.length);
      this.kept++;
      this.sink.add(userHi, userLo, id, isPost, 1 - isPost, score, createdUtc, createdUtc, mark);
      if (text !== '')
        this.options.snippets?.offer(id, userHi, userLo, createdUtc, () => {
          const record = JSON.parse(bytes.toString('utf8', begin, end)) as { title: string; body: string };
          return isPost === 1 ? record.title : record.body;
        });
    } else this.drop(reason, this.seen + 1);
    this.advance();
  }

  /** A row of a table. */
  readonly row: OnTableRow = (row, drop, at) => {
    const { user, subreddit, posts, comments, score, firstUtc, lastUtc } = row;
    // Ids of other places may differ in nothing but case: hashed as they are.
    const reason = drop ?? this.exclude(user, user, subredditKey(subreddit), false);
    if (reason === null) {
      this.kept++;
      const id = this.sink.intern(subreddit);
      this.sink.add(this.hash[1], this.hash[0], id, posts, comments, score, firstUtc, lastUtc);
    } else this.drop(reason, at);
    this.advance();
  };

  lineTooLong(): void {
    this.drop('line-too-long', this.seen + 1);
    this.advance();
  }

  /** Everything counted, once the input has ended after `read` lines or rows. */
  close(format: InputFormat, read: number, bytes: number, ignoredColumns: readonly string[]): ScanCounts {
    const { path, kept, dropped, slowLines } = this;
    const numDropped = DROP_REASONS.reduce((sum, reason) => sum + dropped[reason], 0);
    if (read !== kept + numDropped) {
      throw new IntegrityError(
        'ERR_ROW_ACCOUNTING',
        `${path}: ${read} lines read, but ${kept} kept and ${numDropped} dropped. This is a fault of the program: please report it.`,
        { path, read, kept, dropped },
      );
    }
    if (read > 0 && dropped['bad-row'] === read) {
      throw new InputError(
        'ERR_TABLE_COLUMNS',
        `${path}: none of the ${read} rows has a user, a community and whole numbers where its columns promise them. Check the columns.`,
        { path, read },
      );
    }
    for (const { key, submissions, over18 } of this.names)
      if (submissions > 0) this.countSubmissions(key, submissions, over18);
    return { format, read, kept, dropped, bytes, slowLines, submissionsBySubreddit: this.submissions, ignoredColumns };
  }

  /** Reads a line by `JSON.parse` into `action`, hashes its author, and says why it is left out, or null. */
  private judge(bytes: Buffer, begin: number, end: number): DropReason | null {
    const { action } = this;
    const drop = readAction(bytes, begin, end, action);
    if (drop !== null) return drop;
    const isHidden = action.over18 && !this.options.exclusions.includeOver18;
    // Reddit tells names apart without regard to case, so the hash does too.
    return this.exclude(action.author, action.author.toLowerCase(), subredditKey(action.subreddit), isHidden);
  }

  /** Hashes the user and says why the action is left out, or null. */
  private exclude(user: string, hashed: string, subredditKey: string, isOver18: boolean): DropReason | null {
    const { exclusions, keyWords } = this.options;
    sipHash24(keyWords, this.nameBytes, 0, this.nameBytes.write(hashed), this.hash);
    return (
      exclusions.dropUser(user) ??
      exclusions.dropPseudonym(this.hash[1], this.hash[0]) ??
      exclusions.dropSubreddit(subredditKey) ??
      (isOver18 ? 'over-18' : null)
    );
  }

  /** The same of a record, without making text of it. */
  private excludeRecord({ records, window }: LineScanner, at: number, name: KnownName): DropReason | null {
    const flags = records[at + Field.flags];
    const listed = this.listed.reasonOf(records[at + Field.userHi], records[at + Field.userLo]);
    if (listed === Listed.SUPPRESSED) return 'suppressed';
    if (listed === Listed.BOT) return 'bot';
    if ((flags & MAYBE_BOT) !== 0) {
      const begin = records[at + Field.authorBegin];
      if (isNamedLikeBot(window.toString('latin1', begin, begin + records[at + Field.authorLength]))) return 'bot';
    }
    if (listed === Listed.BY_PSEUDONYM) return 'suppressed';
    if (name.reason !== null) return name.reason;
    return (flags & OVER_18) !== 0 && !this.options.exclusions.includeOver18 ? 'over-18' : null;
  }

  private learnNames(scanner: LineScanner): void {
    for (let id = this.names.length; id < scanner.numNames; id++) {
      const name = scanner.nameOf(id);
      const key = subredditKey(name);
      const reason = this.options.exclusions.dropSubreddit(key);
      this.names.push({ key, reason, sinkId: -1, submissions: 0, over18: 0 });
    }
  }

  private sinkIdOf(scanner: LineScanner, name: KnownName, id: number): number {
    if (name.sinkId < 0) name.sinkId = this.sink.intern(scanner.nameOf(id));
    return name.sinkId;
  }

  /** Reads a line that the scanner has judged once more, by `JSON.parse`. */
  private verify({ records, window }: LineScanner, at: number, reason: DropReason | null): void {
    const { action, hash } = this;
    const begin = records[at + Field.begin];
    const expected = this.judge(window, begin, records[at + Field.end]);
    const flags = records[at + Field.flags];
    const isSame =
      reason === expected &&
      (action.subreddit === '') === ((flags & HAS_NAME) === 0) &&
      (action.subreddit === '' || (action.kind === 'post') === ((flags & POST) !== 0)) &&
      (reason !== null ||
        (records[at + Field.userHi] === hash[1] &&
          records[at + Field.userLo] === hash[0] &&
          (records[at + Field.score] | 0) === action.score &&
          records[at + Field.createdUtc] === action.createdUtc &&
          this.names[records[at + Field.name]].key === subredditKey(action.subreddit)));
    if (isSame) return;
    const line = this.seen + 1;
    throw new IntegrityError(
      'ERR_SCANNER_MISMATCH',
      `${this.path}:${line}: the fast reader and JSON.parse disagree on this line. This is a fault of the program: please report it.`,
      { path: this.path, line, reason, expected },
    );
  }

  private drop(reason: DropReason, line: number): void {
    const damage = DAMAGE.get(reason);
    if (damage !== undefined && this.options.onBadLine === 'stop') {
      const { path } = this;
      throw new InputError(
        'ERR_DUMP_FORMAT',
        `${path}:${line}: ${damage}. Pass --on-bad-line count to count and skip such lines.`,
        { path, line, reason },
      );
    }
    this.dropped[reason]++;
  }

  private advance(): void {
    this.seen++;
    if (this.seen % 16384 !== 0) return;
    if (this.options.signal?.aborted) throw new StopRequested();
    this.options.onProgress?.({ bytes: this.position(), read: this.seen });
  }

  private countSubmissions(key: string, submissions: number, over18: number): void {
    let counts = this.submissions.get(key);
    if (counts === undefined) {
      counts = { submissions: 0, over18: 0 };
      this.submissions.set(key, counts);
    }
    counts.submissions += submissions;
    counts.over18 += over18;
  }
}

const VERIFY_EVERY = 4093; // lines; a prime, so that no pattern of the input goes along with it

/** Reasons that speak of damage rather than of content, and how to say so. */
const DAMAGE: ReadonlyMap<DropReason, string> = new Map([
  ['line-too-long', 'the line is too long for a Reddit record'],
  ['not-json', 'not JSON'],
  ['not-a-record', 'neither a submission nor a comment of Reddit'],
  ['bad-row', 'a cell is missing or is not of the type that its column promises'],
]);
