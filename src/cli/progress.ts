import type { Log, Progress } from '../core/log.js';

export interface TerminalLogOptions {
  readonly stream: NodeJS.WriteStream;
  readonly environment: NodeJS.ProcessEnv;
  readonly quiet: boolean;
  readonly format: 'text' | 'json';
  readonly now: () => number; // ms
}

/** Milliseconds before the first sign of progress, between two on a terminal, and between two elsewhere. */
const FIRST_AFTER = 2000;
const ON_TERMINAL = 100;
const ELSEWHERE = 30_000;

/**
 * Progress and messages on stderr: a line that renews itself on a terminal, a plain line every half minute elsewhere,
 * one JSON object a line for machines. Rates and times are of the current task.
 */
export class TerminalLog implements Log {
  private task = '';
  private taskStart = 0;
  private nextShow = 0;
  private lineShown = false;
  private readonly live: boolean;

  constructor(private readonly options: TerminalLogOptions) {
    const { stream, environment } = options;
    this.live = Boolean(stream.isTTY) && environment['TERM'] !== 'dumb' && !environment['CI'];
  }

  info(message: string): void {
    this.line('info', message);
  }

  warn(message: string): void {
    this.line('warning', message);
  }

  progress(progress: Progress): void {
    const { quiet, format, now, stream } = this.options;
    if (quiet) return;
    const time = now();
    if (progress.task !== this.task) {
      this.task = progress.task;
      this.taskStart = time;
      this.nextShow = time + FIRST_AFTER;
    }
    if (time < this.nextShow) return;
    this.nextShow = time + (this.live ? ON_TERMINAL : ELSEWHERE);
    const seconds = (time - this.taskStart) / 1000;
    if (format === 'json') {
      stream.write(`${JSON.stringify({ code: 'progress', ...progress, seconds })}\n`);
      return;
    }
    const text = printable(describe(progress, seconds)).replaceAll('\n', ' ');
    if (this.live) {
      stream.write(`\r\x1b[2K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`);
      this.lineShown = true;
    } else stream.write(`${text}\n`);
  }

  /** Why the program stops; said even where it was asked to be quiet. `code` is missing for a fault of ours. */
  error(message: string, exitCode: number, code?: string): void {
    const { format, stream } = this.options;
    this.clear();
    const text = printable(message);
    if (format === 'json') stream.write(`${JSON.stringify({ code: 'error', error: code, exitCode, message: text })}\n`);
    else stream.write(`error: ${text}\n${code ? `(${code}, exit status ${exitCode})\n` : ''}`);
  }

  /** Removes the line of progress, if one stands there. */
  clear(): void {
    if (this.lineShown) this.options.stream.write('\r\x1b[2K');
    this.lineShown = false;
  }

  private line(level: 'info' | 'warning', message: string): void {
    const { quiet, format, stream } = this.options;
    if (quiet && level === 'info') return;
    this.clear();
    const text = printable(message);
    if (format === 'json') stream.write(`${JSON.stringify({ code: level, message: text })}\n`);
    else stream.write(level === 'info' ? `${text}\n` : `warning: ${text}\n`);
  }
}

function describe({ task, done, total, unit, detail }: Progress, seconds: number): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const amount = unit === 'B' ? formatBytes : formatCount;
  const ending = unit === 'B' ? '' : ` ${unit}`;
  const share = total ? ` of ${amount(total)} (${Math.floor((100 * done) / total)} %)` : '';
  const eta = total && rate > 0 && done < total ? `, ${formatSeconds((total - done) / rate)} left` : '';
  return `${task}: ${amount(done)}${share}${ending}, ${amount(rate)}/s${eta}${detail ? ` · ${detail}` : ''}`;
}

/** Names that come from data can carry terminal escapes: control characters go, line breaks stay. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => (c === '\n' ? c : ''));
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (Math.round(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatCount(count: number): string {
  if (count < 10 && !Number.isInteger(count)) return count.toFixed(1);
  return Math.round(count).toLocaleString('en-US');
}

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds); // rounded once, so that no part ever shows 60
  if (whole < 90) return `${whole} s`;
  if (whole < 5400) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
