import { sipHash24 } from '../../core/siphash.js';
import { markOfText } from '../behaviour.js';
import { isDeleted, isUserProfile } from '../records.js';
import {
  Field,
  HAS_NAME,
  type LineScanner,
  MAX_RECORDS,
  MAYBE_BOT,
  Outcome,
  OVER_18,
  POST,
  RECORD_WORDS,
  WINDOW_BYTES,
} from './line-scanner.js';

/** `assembly/line-scanner.ts` in TypeScript: the same records, a byte at a time. */
export function createTypeScriptScanner(key: Uint32Array): LineScanner {
  return new TypeScriptScanner(key);
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const MAX_DEPTH = 64;
const MAX_DIGITS = 15; // exact as a double
const MAX_NAMES = 2 ** 20;
const AUTHOR_NAME = /^[A-Za-z0-9_-]{1,24}$/;
const SUBREDDIT_NAME = /^(?:(?:t:)?[A-Za-z0-9_]{2,24}|reddit\.com)$/i;
const LIKE_BOT = /bot|^automod|-modteam$/i;

/** A reading position, or −1 where the line is odd. */
type Position = number;
const ODD = -1;

/** Where a text stands in the window, quotes excluded; begin 0 = nowhere, since every line begins with a brace. */
interface Span {
  begin: number;
  end: number;
}

const FIELDS = [
  'author',
  'body',
  'created_utc',
  'link_id',
  'num_comments',
  'over_18',
  'parent_id',
  'score',
  'subreddit',
  'title',
  'url',
] as const;
type FieldName = (typeof FIELDS)[number];

/** [length of the name][code of its first letter]; no two share both. */
const FIELD_BY_LENGTH: (FieldName | undefined)[][] = Array.from({ length: 13 }, (_, length) => {
  const byLetter: (FieldName | undefined)[] = new Array(256).fill(undefined);
  for (const name of FIELDS) if (name.length === length) byLetter[name.charCodeAt(0)] = name;
  return byLetter;
});

class TypeScriptScanner implements LineScanner {
  readonly window: Buffer;
  readonly records = new Uint32Array(MAX_RECORDS * RECORD_WORDS);
  numRecords = 0;

  private readonly bytes: Buffer; // the window and room for the newline behind it
  private readonly idOfName = new Map<string, number>();
  private readonly names: string[] = [];
  private readonly hash = new Uint32Array(2);
  private readonly nameBytes = Buffer.alloc(32);

  // What is known of the line so far. A field that comes twice counts as it came last, as with JSON.parse.
  private hasTitle = false;
  private hasUrl = false;
  private hasNumComments = false;
  private isLikeComment = false;
  private isOver18 = false;
  private isBadTime = false;
  private score = 0;
  private createdUtc = 0;
  private readonly author: Span = { begin: 0, end: 0 };
  private readonly subreddit: Span = { begin: 0, end: 0 };
  private readonly title: Span = { begin: 0, end: 0 };
  private readonly body: Span = { begin: 0, end: 0 };
  private integer = 0; // the last that `readInteger` read

  constructor(private readonly key: Uint32Array) {
    this.bytes = Buffer.alloc(WINDOW_BYTES + 64);
    this.window = this.bytes.subarray(0, WINDOW_BYTES);
  }

  get numNames(): number {
    return this.names.length;
  }

  nameOf(id: number): string {
    return this.names[id];
  }

  run(begin: number, have: number, atEnd: boolean): number {
    const { bytes, records } = this;
    bytes[have] = NEWLINE; // stops every loop below
    let at = begin;
    let numRecords = 0;
    while (at < have && numRecords < MAX_RECORDS) {
      const record = numRecords * RECORD_WORDS;
      let after = this.readLine(at);
      const isRead = after !== ODD && bytes[after] === NEWLINE;
      if (!isRead) after = bytes.indexOf(NEWLINE, at);
      if (after >= have && !atEnd) break;
      const end = after > at && bytes[after - 1] === CARRIAGE_RETURN ? after - 1 : after;
      records[record + Field.flags] = isRead ? this.finishLine(record) : Outcome[end === at ? 'empty-line' : 'odd'];
      records[record + Field.begin] = at;
      records[record + Field.end] = end;
      numRecords++;
      at = after + 1;
    }
    this.numRecords = numRecords;
    return Math.min(at, have);
  }

  /** The end of the object at `at` and of the blanks behind it. */
  private readLine(at: Position): Position {
    const { bytes } = this;
    this.hasTitle = this.hasUrl = this.hasNumComments = this.isLikeComment = this.isOver18 = this.isBadTime = false;
    this.score = this.createdUtc = 0;
    this.author.begin = this.subreddit.begin = this.title.begin = this.body.begin = 0;
    if (bytes[at] !== OPEN_OBJECT) return ODD;
    at = this.skipBlanks(at + 1);
    if (bytes[at] === CLOSE_OBJECT) return this.skipBlanks(at + 1);
    for (;;) {
      const keyBegin = at + 1;
      const keyEnd = bytes[at] === QUOTE ? this.plainTextEnd(keyBegin) : ODD; // an escaped key may spell one of ours
      if (keyEnd === ODD) return ODD;
      at = this.skipBlanks(keyEnd + 1);
      if (bytes[at] !== COLON) return ODD;
      at = this.readField(keyBegin, keyEnd, this.skipBlanks(at + 1));
      if (at === ODD) return ODD;
      at = this.skipBlanks(at);
      if (bytes[at] === CLOSE_OBJECT) return this.skipBlanks(at + 1);
      if (bytes[at] !== COMMA) return ODD;
      at = this.skipBlanks(at + 1);
    }
  }

  private readField(keyBegin: number, keyEnd: number, at: Position): Position {
    switch (this.fieldAt(keyBegin, keyEnd)) {
      case 'author':
        return this.readPlainText(at, this.author);
      case 'subreddit':
        return this.readPlainText(at, this.subreddit);
      case 'created_utc':
        return this.readCreatedUtc(at);
      case 'score':
        return this.readScore(at);
      case 'over_18':
        this.isOver18 = this.isWord(at, 'true');
        return this.skipValue(at);
      case 'title':
        this.hasTitle = true;
        return this.readText(at, this.title);
      case 'body':
        this.isLikeComment = true;
        return this.readText(at, this.body);
      case 'link_id':
      case 'parent_id':
        this.isLikeComment = true;
        return this.skipValue(at);
      case 'url':
        this.hasUrl = true;
        return this.skipValue(at);
      case 'num_comments':
        this.hasNumComments = true;
        return this.skipValue(at);
      default:
        return this.skipValue(at);
    }
  }

  /** Which of our fields has the key in these bytes; its length and first letter rule out most that are none. */
  private fieldAt(begin: number, end: number): FieldName | undefined {
    const name = FIELD_BY_LENGTH[end - begin]?.[this.bytes[begin]];
    return name !== undefined && this.isWord(begin, name) ? name : undefined;
  }

  /** Judges the line that `readLine` has read; fills the record behind its first three words and returns its flags. */
  private finishLine(record: number): number {
    const { bytes, records, author, subreddit } = this;
    let flags = 0;
    if (this.hasTitle || (this.hasUrl && this.hasNumComments)) flags |= POST;
    else if (!this.isLikeComment) return flags | Outcome['not-a-record'];
    if (this.isOver18) flags |= OVER_18;

    const community = subreddit.begin === 0 ? '' : bytes.toString('latin1', subreddit.begin, subreddit.end);
    const isGoodName = SUBREDDIT_NAME.test(community) && !isUserProfile(community);
    if (isGoodName) {
      const id = this.idOf(community);
      if (id === MAX_NAMES) return Outcome.odd;
      records[record + Field.name] = id;
      flags |= HAS_NAME;
    }
    if (this.isBadTime) return flags | Outcome['not-a-record'];
    const name = author.begin === 0 ? '' : bytes.toString('latin1', author.begin, author.end);
    if (name === '') return flags | Outcome['no-author'];
    if (isDeleted(name)) return flags | Outcome['deleted-author'];
    if (!AUTHOR_NAME.test(name)) return flags | Outcome['bad-author-name'];
    if (community === '') return flags | Outcome['no-subreddit'];
    if (!isGoodName) return flags | Outcome[isUserProfile(community) ? 'user-profile' : 'bad-subreddit-name'];

    if (LIKE_BOT.test(name)) flags |= MAYBE_BOT;
    sipHash24(this.key, this.nameBytes, 0, this.nameBytes.write(name.toLowerCase(), 'latin1'), this.hash);
    const text = (flags & POST) !== 0 ? this.title : this.body;
    records[record + Field.userHi] = this.hash[1];
    records[record + Field.userLo] = this.hash[0];
    records[record + Field.score] = this.score;
    records[record + Field.createdUtc] = this.createdUtc;
    records[record + Field.authorBegin] = author.begin;
    records[record + Field.authorLength] = author.end - author.begin;
    records[record + Field.textBegin] = text.begin;
    records[record + Field.textLength] = text.begin === 0 ? 0 : text.end - text.begin;
    records[record + Field.mark] = text.begin === 0 ? 0 : markOfText(bytes, text.begin, text.end);
    return flags | Outcome['action'];
  }

  private idOf(name: string): number {
    let id = this.idOfName.get(name);
    if (id === undefined) {
      if (this.names.length === MAX_NAMES) return MAX_NAMES;
      id = this.names.push(name) - 1;
      this.idOfName.set(name, id);
    }
    return id;
  }

  private readText(at: Position, span: Span): Position {
    const after = this.skipValue(at);
    span.begin = this.bytes[at] === QUOTE ? at + 1 : 0;
    span.end = after - 1;
    return after;
  }

  /** A text without escapes, or any other value, which counts as none. */
  private readPlainText(at: Position, span: Span): Position {
    span.begin = 0;
    if (this.bytes[at] !== QUOTE) return this.skipValue(at);
    const end = this.plainTextEnd(at + 1);
    if (end === ODD) return ODD;
    span.begin = at + 1;
    span.end = end;
    return end + 1;
  }

  /** A whole number or null, bare or as text; 0 for what is no number; odd where only `Number` can tell. */
  private readScore(at: Position): Position {
    this.score = 0;
    if (!this.isNumeric(at)) return this.bytes[at] === QUOTE ? ODD : this.skipValue(at);
    const after = this.readInteger(at);
    if (after !== ODD) this.score = Math.max(Math.min(this.integer, 0x7fffffff), -0x80000000) | 0;
    return after;
  }

  /** Whole seconds, bare or as text, perhaps with `.0`; odd where only `Number` can tell. */
  private readCreatedUtc(at: Position): Position {
    this.createdUtc = 0;
    this.isBadTime = false;
    if (!this.isNumeric(at)) {
      if (this.bytes[at] === QUOTE) return ODD;
      this.isBadTime = !this.isWord(at, 'null'); // null leaves it out
      return this.skipValue(at);
    }
    const after = this.readInteger(at);
    if (after !== ODD && this.integer > 0 && this.integer <= 0xffffffff) this.createdUtc = this.integer;
    return after;
  }

  private isNumeric(at: Position): boolean {
    const first = this.bytes[this.bytes[at] === QUOTE ? at + 1 : at];
    return first === MINUS || isDigit(first);
  }

  /** Reads a whole number, in quotes or not, with zeros behind a point at the most, into `integer`. */
  private readInteger(at: Position): Position {
    const { bytes } = this;
    const isText = bytes[at] === QUOTE;
    if (isText) at++;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at++;
    const begin = at;
    at = this.skipDigits(at);
    const length = at - begin;
    if (length === 0 || length > MAX_DIGITS) return ODD;
    if (length > 1 && !isText && bytes[begin] === ZERO) return ODD;
    let value = 0;
    for (let i = begin; i < at; i++) value = value * 10 + bytes[i] - ZERO;
    if (bytes[at] === POINT) {
      const point = at;
      do at++;
      while (bytes[at] === ZERO);
      if (at === point + 1 || isDigit(bytes[at])) return ODD;
    }
    if ((bytes[at] | 0x20) === 0x65) return ODD; // exponent
    this.integer = isNegative ? -value : value;
    if (!isText) return at;
    return bytes[at] === QUOTE ? at + 1 : ODD;
  }

  private isWord(at: Position, word: string): boolean {
    for (let i = 0; i < word.length; i++) if (this.bytes[at + i] !== word.charCodeAt(i)) return false;
    return true;
  }

  /** The closing quote of a text that holds no backslash. */
  private plainTextEnd(at: Position): Position {
    const { bytes } = this;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) return at;
      if (byte === BACKSLASH || byte < SPACE) return ODD;
      at++;
    }
  }

  /** The closing quote of a text. */
  private textEnd(at: Position): Position {
    const { bytes } = this;
    for (;;) {
      const byte = bytes[at++];
      if (byte === QUOTE) return at - 1;
      if (byte < SPACE) return ODD;
      if (byte !== BACKSLASH) continue;
      const escaped = bytes[at++];
      if (escaped === LETTER_U) {
        for (let i = 0; i < 4; i++) if (!isHex(bytes[at++])) return ODD;
      } else if (!SIMPLE_ESCAPES.includes(escaped)) return ODD;
    }
  }

  /** Behind the value at `at`. */
  private skipValue(at: Position): Position {
    const { bytes } = this;
    switch (bytes[at]) {
      case QUOTE: {
        const end = this.textEnd(at + 1);
        return end === ODD ? ODD : end + 1;
      }
      case 0x6e:
        return this.isWord(at, 'null') ? at + 4 : ODD;
      case 0x66:
        return this.isWord(at, 'false') ? at + 5 : ODD;
      case 0x74:
        return this.isWord(at, 'true') ? at + 4 : ODD;
      case OPEN_LIST:
      case OPEN_OBJECT:
        return this.skipNested(at);
      default:
        return this.skipNumber(at);
    }
  }

  private skipNumber(at: Position): Position {
    const { bytes } = this;
    if (bytes[at] === MINUS) at++;
    const whole = at;
    at = bytes[at] === ZERO ? at + 1 : this.skipDigits(at);
    if (at === whole) return ODD;
    if (bytes[at] === POINT) {
      const fraction = at + 1;
      at = this.skipDigits(fraction);
      if (at === fraction) return ODD;
    }
    if ((bytes[at] | 0x20) !== 0x65) return at;
    at++;
    if (bytes[at] === 0x2b || bytes[at] === MINUS) at++;
    const exponent = at;
    at = this.skipDigits(at);
    return at === exponent ? ODD : at;
  }

  /** Behind the array or object at `at`, whatever it holds, up to `MAX_DEPTH` levels deep. */
  private skipNested(at: Position, depth = 1): Position {
    const { bytes } = this;
    if (depth > MAX_DEPTH) return ODD;
    const isObject = bytes[at] === OPEN_OBJECT;
    const close = bytes[at] + 2; // in ASCII, of both
    at = this.skipBlanks(at + 1);
    if (bytes[at] === close) return at + 1;
    for (;;) {
      if (isObject) at = this.skipKey(at);
      if (at === ODD) return ODD;
      const opens = bytes[at] === OPEN_LIST || bytes[at] === OPEN_OBJECT;
      at = opens ? this.skipNested(at, depth + 1) : this.skipValue(at);
      if (at === ODD) return ODD;
      at = this.skipBlanks(at);
      if (bytes[at] === close) return at + 1;
      if (bytes[at] !== COMMA) return ODD;
      at = this.skipBlanks(at + 1);
    }
  }

  /** Behind the key and colon at `at` and the blanks after it. */
  private skipKey(at: Position): Position {
    if (this.bytes[at] !== QUOTE) return ODD;
    const end = this.textEnd(at + 1);
    if (end === ODD) return ODD;
    at = this.skipBlanks(end + 1);
    return this.bytes[at] === COLON ? this.skipBlanks(at + 1) : ODD;
  }

  private skipBlanks(at: Position): Position {
    const { bytes } = this;
    while (bytes[at] === SPACE || bytes[at] === 0x09 || bytes[at] === CARRIAGE_RETURN) at++;
    return at;
  }

  private skipDigits(at: Position): Position {
    while (isDigit(this.bytes[at])) at++;
    return at;
  }
}

const SIMPLE_ESCAPES = [...'"\\/bfnrt'].map((letter) => letter.charCodeAt(0));

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}
