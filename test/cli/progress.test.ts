import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatSeconds, printable, TerminalLog } from '../../src/cli/progress.js';
import type { Progress } from '../../src/core/log.js';

interface Setup {
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly quiet?: boolean;
  readonly format?: 'text' | 'json';
  readonly environment?: NodeJS.ProcessEnv;
}

/** A log with a clock that is moved by hand. */
function setUp({ terminal = false, columns, quiet = false, format = 'text', environment = {} }: Setup = {}) {
  const written: string[] = [];
  let time = 0; // ms
  const stream = { isTTY: terminal, columns, write: (text: string) => written.push(text) > 0 };
  const log = new TerminalLog({
    stream: stream as unknown as NodeJS.WriteStream,
    environment,
    quiet,
    format,
    now: () => time,
  });
  return {
    log,
    written,
    /** Reports progress every `every` ms until `until` ms. */
    report(until: number, every: number, progress: (time: number) => Progress) {
      for (; time <= until; time += every) log.progress(progress(time));
    },
  };
}

const RENEW = '\r\x1b[2K';
const isOneLine = (text: string) => text !== '' && !/\p{Cc}/u.test(text);
const steady = (time: number): Progress => ({ task: 'train', done: time / 10, total: 10_000, unit: 'users' });

describe('TerminalLog.progress', () => {
  it.each([true, false])('says nothing in the first two seconds of a task (terminal: %s)', (terminal) => {
    const { written, report } = setUp({ terminal });
    report(1999, 1, steady);
    expect(written).toEqual([]);
    report(2010, 1, steady);
    expect(written).toHaveLength(1);
  });

  it('is quiet again for two seconds when another task begins', () => {
    const { written, report } = setUp({ terminal: true });
    report(3000, 10, steady);
    const before = written.length;
    report(4900, 10, (time) => ({ ...steady(time), task: 'embed' }));
    expect(written).toHaveLength(before);
  });

  it('renews one line at most ten times a second on a terminal', () => {
    const { written, report } = setUp({ terminal: true });
    report(4000, 1, steady);
    expect(written.length).toBeGreaterThan(15);
    expect(written.length).toBeLessThanOrEqual(21);
    for (const text of written) expect(text.startsWith(RENEW) && isOneLine(text.slice(RENEW.length))).toBe(true);
  });

  it.each<[string, Setup]>([
    ['elsewhere', {}],
    ['on a dumb terminal', { terminal: true, environment: { TERM: 'dumb' } }],
    ['in continuous integration', { terminal: true, environment: { CI: 'true' } }],
  ])('writes a plain line every half minute %s', (_, setup) => {
    const { written, report } = setUp(setup);
    report(100_000, 50, steady);
    expect(written).toHaveLength(4);
    for (const text of written) expect(text.endsWith('\n') && isOneLine(text.slice(0, -1))).toBe(true);
  });

  it('says how far, how fast and how long', () => {
    const { written, report } = setUp();
    report(2000, 1000, steady);
    expect(written).toEqual(['train: 200 of 10,000 (2 %) users, 100/s, 1 min 38 s left\n']);
  });

  it('counts bytes as bytes, and does without a total and with a detail', () => {
    const { written, report } = setUp();
    report(2000, 1000, () => ({ task: 'ingest', done: 3_000_000, unit: 'B', detail: '5 files' }));
    expect(written).toEqual(['ingest: 3.0 MB, 1.5 MB/s · 5 files\n']);
  });

  it('has no time left to tell at the end, and no share of nothing', () => {
    const { written, report } = setUp();
    report(2000, 1000, () => ({ task: 'a', done: 5, total: 5, unit: 'rows' }));
    report(6000, 1000, () => ({ task: 'b', done: 0, total: 0, unit: 'rows' }));
    expect(written).toEqual(['a: 5 of 5 (100 %) rows, 2.5/s\n', 'b: 0 rows, 0/s\n']);
  });

  it('fits a terminal of any width', () => {
    for (const columns of [20, 40, 80, undefined]) {
      const { written, report } = setUp({ terminal: true, ...(columns && { columns }) });
      report(2000, 1000, () => ({ ...steady(500), detail: 'x'.repeat(300) }));
      expect(written[0].length - RENEW.length).toBeLessThanOrEqual(Math.max(20, (columns ?? 80) - 1));
    }
  });

  it('lets no escape and no line break of a task or detail reach the terminal', () => {
    const { written, report } = setUp({ terminal: true });
    report(2000, 1000, () => ({ task: 'ing\x1b[31mest\n', done: 1, unit: 'B', detail: '\x9b2Ja\rb\u0007' }));
    expect(written[0].slice(RENEW.length)).toBe('ing[31mest : 1 B, 1 B/s · 2Jab');
  });

  it('writes one JSON object a line for machines, whatever the names are', () => {
    const { written, report } = setUp({ format: 'json', terminal: true });
    report(2000, 1000, (time) => ({ ...steady(time), detail: 'a\n"b"\x1b日本' }));
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(written[0])).toEqual({
      code: 'progress',
      task: 'train',
      done: 200,
      total: 10_000,
      unit: 'users',
      detail: 'a\n"b"\x1b日本',
      seconds: 2,
    });
  });

  it('says nothing at all when asked to be quiet', () => {
    const { written, report, log } = setUp({ quiet: true, terminal: true });
    report(10_000, 100, steady);
    log.info('a fact');
    expect(written).toEqual([]);
  });
});

describe('TerminalLog messages', () => {
  it('stand on lines of their own, in place of the progress that was there', () => {
    const { written, report, log } = setUp({ terminal: true });
    report(2000, 1000, steady);
    written.length = 0;
    log.info('found something');
    log.warn('careful');
    log.clear();
    expect(written).toEqual([RENEW, 'found something\n', 'warning: careful\n']);
  });

  it('keep warnings when quiet', () => {
    const { written, log } = setUp({ quiet: true });
    log.warn('careful');
    expect(written).toEqual(['warning: careful\n']);
  });

  it('cannot move the cursor, recolor or ring', () => {
    const { written, log } = setUp();
    log.info('\x1b[2Jname\x07\x9b31m\r');
    expect(written).toEqual(['[2Jname31m\n']);
  });

  it('are one JSON object a line for machines', () => {
    const { written, log } = setUp({ format: 'json' });
    log.info('two\nlines "and" quotes');
    log.warn('\x1bcareful');
    expect(written.map((line) => JSON.parse(line))).toEqual([
      { code: 'info', message: 'two\nlines "and" quotes' },
      { code: 'warning', message: 'careful' },
    ]);
    for (const line of written) expect(line).toMatch(/^[^\n]+\n$/);
  });
});

describe('printable', () => {
  it('removes every control character but the line break, and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = printable(text);
        for (const c of shown) expect(c === '\n' || !/\p{Cc}/u.test(c)).toBe(true);
        expect(shown).toBe([...text].filter((c) => c === '\n' || !/\p{Cc}/u.test(c)).join(''));
      }),
      { seed: 1 },
    );
    expect(printable('Ελλάδα 日本 👩‍👩‍👧 é')).toBe('Ελλάδα 日本 👩‍👩‍👧 é');
  });
});

describe('formats', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [99_900, '99.9 kB'],
    [123_456, '123 kB'],
    [999_999, '1.0 MB'],
    [20_000_000, '20.0 MB'],
    [3.2e9, '3.2 GB'],
    [5e15, '5000 TB'],
    [1.4, '1 B'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0'],
    [7, '7'],
    [2.34, '2.3'],
    [12.7, '13'],
    [1_234_567, '1,234,567'],
  ])('writes a count of %d as %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  it.each([
    [0, '0.0 s'],
    [2.34, '2.3 s'],
    [42.4, '42 s'],
    [89.7, '1 min 30 s'],
    [119.7, '2 min 0 s'],
    [3600, '60 min 0 s'],
    [5400, '1 h 30 min'],
    [7199, '2 h 0 min'],
    [360_000, '100 h 0 min'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('never writes sixty of anything', () => {
    fc.assert(
      fc.property(fc.double({ min: 90, max: 1e6, noNaN: true }), (seconds) => {
        expect(formatSeconds(seconds)).not.toMatch(/ 60 (s|min)$/);
      }),
      { seed: 2, numRuns: 1000 },
    );
  });
});
