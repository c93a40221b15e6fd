import { ZstdError } from './frames.js';

/**
 * Finite state entropy (RFC 8878 section 4.1): tables and their descriptions.
 *
 * A cell stands for a state: symbol in bits 0–7, number of bits to read in 8–15, base of the next state in 16–31.
 */
export interface FseTable {
  readonly log: number; // 2^log cells
  readonly cells: Uint32Array;
}

/** Reads a table description that starts at `begin`; `next` is where the byte after it is. */
export function readFseTable(
  bytes: Uint8Array,
  begin: number,
  end: number,
  maxLog: number,
  maxSymbol: number,
): { table: FseTable; next: number } {
  let bit = begin * 8;
  const read = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, bit++)
      if (bit < end * 8) value |= ((bytes[bit >>> 3] >>> (bit & 7)) & 1) << i;
      else throw new ZstdError('an entropy table is cut');
    return value;
  };

  const log = read(4) + 5;
  if (log > maxLog) throw new ZstdError(`an entropy table has 2^${log} states, at most 2^${maxLog} are allowed`);
  const probabilities: number[] = [];
  let remaining = 1 << log;
  while (remaining > 0) {
    // A value in [0, remaining + 1] takes as many bits as the largest, or one less for the smallest ones.
    const bits = 32 - Math.clz32(remaining + 1);
    const numShort = (1 << bits) - 1 - (remaining + 1);
    let value = read(bits - 1);
    if (value >= numShort) {
      value |= read(1) << (bits - 1);
      if (value >= 1 << (bits - 1)) value -= numShort;
    }
    const probability = value - 1; // −1 means: less than one cell
    remaining -= Math.abs(probability);
    probabilities.push(probability);
    if (probability === 0) {
      let zeros: number;
      do {
        zeros = read(2);
        for (let i = 0; i < zeros; i++) probabilities.push(0);
      } while (zeros === 3 && probabilities.length <= maxSymbol);
    }
    if (probabilities.length > maxSymbol + 1) throw new ZstdError('an entropy table has too many symbols');
  }
  return { table: buildFseTable(probabilities, log), next: (bit + 7) >>> 3 };
}

/** The table of these probabilities, which count cells and sum to 2^log; −1 counts one cell. */
export function buildFseTable(probabilities: readonly number[], log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const nextState = new Uint16Array(probabilities.length);
  let high = size - 1; // cells above it are taken by the rarest symbols
  for (let s = 0; s < probabilities.length; s++)
    if (probabilities[s] === -1) {
      symbols[high--] = s;
      nextState[s] = 1;
    }

  const step = (size >>> 1) + (size >>> 3) + 3;
  let at = 0;
  for (let s = 0; s < probabilities.length; s++) {
    if (probabilities[s] <= 0) continue;
    nextState[s] = probabilities[s];
    for (let i = 0; i < probabilities[s]; i++) {
      symbols[at] = s;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  }

  const cells = new Uint32Array(size);
  for (let i = 0; i < size; i++) {
    const state = nextState[symbols[i]]++;
    const bits = log - (31 - Math.clz32(state));
    cells[i] = symbols[i] | (bits << 8) | (((state << bits) - size) << 16);
  }
  return { log, cells };
}

/** The table with one state, which yields `symbol` and reads no bits. */
export function constantFseTable(symbol: number): FseTable {
  return { log: 0, cells: Uint32Array.of(symbol) };
}

/** Position after the highest data bit of a stream that is read backwards: its last byte marks it with a one. */
export function lastBitOf(bytes: Uint8Array, begin: number, end: number): number {
  if (end <= begin || bytes[end - 1] === 0) throw new ZstdError('a bit stream has no end mark');
  return end * 8 - 1 - (Math.clz32(bytes[end - 1]) - 24);
}
