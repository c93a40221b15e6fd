import { ZstdError } from './frames.js';
import { lastBitOf, readFseTable } from './fse.js';

/**
 * Prefix code of literals (RFC 8878 section 4.2). The next `maxBits` bits index a cell: symbol in bits 0–7, length of
 * its code in 8–15.
 */
export interface HuffmanTable {
  readonly maxBits: number; // in [1, 12]
  readonly cells: Uint16Array; // [2^maxBits]
}

const MAX_BITS = 12; // one above the RFC's bound, as the reference decoder has it
const MAX_WEIGHTS = 255; // the weight of the last symbol is never written

/** Reads a tree description that starts at `begin`; `next` is where the byte after it is. */
export function readHuffmanTable(bytes: Uint8Array, begin: number, end: number): { table: HuffmanTable; next: number } {
  if (begin >= end) throw new ZstdError('a Huffman tree is cut');
  const head = bytes[begin];
  const isPacked = head >= 128; // four bits a weight
  const next = begin + 1 + (isPacked ? (head - 127 + 1) >>> 1 : head);
  if (next > end) throw new ZstdError('a Huffman tree is cut');
  const weights = isPacked ? packedWeights(bytes, begin + 1, head - 127) : fseWeights(bytes, begin + 1, next);
  return { table: buildHuffmanTable(weights), next };
}

function packedWeights(bytes: Uint8Array, begin: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (bytes[begin + (i >>> 1)] >>> (i % 2 === 0 ? 4 : 0)) & 15);
}

/** Two states take turns on one stream; the one that would read past its start ends it. */
function fseWeights(bytes: Uint8Array, begin: number, end: number): number[] {
  const { table, next } = readFseTable(bytes, begin, end, 6, 255);
  const first = next * 8;
  let bit = lastBitOf(bytes, next, end);
  const read = (count: number): number => {
    bit -= count;
    if (bit < first) return 0;
    return ((bytes[bit >>> 3] | (bytes[(bit >>> 3) + 1] << 8)) >>> (bit & 7)) & ((1 << count) - 1);
  };

  const states = [read(table.log), read(table.log)];
  if (bit < first) throw new ZstdError('a Huffman tree is cut');
  const weights: number[] = [];
  for (let turn = 0; ; turn ^= 1) {
    const cell = table.cells[states[turn]];
    weights.push(cell & 255);
    states[turn] = (cell >>> 16) + read((cell >>> 8) & 255);
    if (bit < first) {
      weights.push(table.cells[states[turn ^ 1]] & 255);
      break;
    }
    if (weights.length >= MAX_WEIGHTS) throw new ZstdError('a Huffman tree has too many symbols');
  }
  return weights;
}

function buildHuffmanTable(weights: readonly number[]): HuffmanTable {
  if (weights.length > MAX_WEIGHTS) throw new ZstdError('a Huffman tree has too many symbols');
  const total = weights.reduce((sum, weight) => sum + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  if (total === 0) throw new ZstdError('a Huffman tree is empty');
  const maxBits = Math.floor(Math.log2(total)) + 1;
  if (maxBits > MAX_BITS) throw new ZstdError(`a Huffman code of ${maxBits} bits, at most ${MAX_BITS} are allowed`);
  const lastWeight = Math.log2(2 ** maxBits - total) + 1;
  if (!Number.isInteger(lastWeight)) throw new ZstdError('a Huffman tree is not complete');

  const all = [...weights, lastWeight];
  const numLongest = all.filter((weight) => weight === 1).length;
  if (numLongest < 2 || numLongest % 2 === 1) throw new ZstdError('a Huffman tree is not complete');
  const cells = new Uint16Array(1 << maxBits);
  let at = 0;
  for (let weight = 1; weight <= maxBits; weight++)
    for (let symbol = 0; symbol < all.length; symbol++)
      if (all[symbol] === weight) {
        cells.fill(symbol | ((maxBits + 1 - weight) << 8), at, at + 2 ** (weight - 1));
        at += 2 ** (weight - 1);
      }
  return { maxBits, cells };
}

/**
 * Decodes one stream, read backwards, into out[outBegin, outEnd).
 *
 * @param view over `bytes`, which has at least 4 bytes before `begin` and after `end`: loads are four bytes wide
 */
export function decodeHuffmanStream(
  bytes: Uint8Array,
  view: DataView,
  begin: number,
  end: number,
  table: HuffmanTable,
  out: Uint8Array,
  outBegin: number,
  outEnd: number,
): void {
  const { maxBits, cells } = table;
  const mask = (1 << maxBits) - 1;
  const first = begin * 8 - maxBits; // codes are looked up by the bits below `bit`, which may reach before the stream
  let bit = lastBitOf(bytes, begin, end) - maxBits;
  for (let i = outBegin; i < outEnd; i++) {
    const cell = cells[(view.getUint32(bit >>> 3, true) >>> (bit & 7)) & mask];
    out[i] = cell;
    bit -= cell >>> 8;
    if (bit < first) throw new ZstdError('a literals stream is too short');
  }
  if (bit !== first) throw new ZstdError('a literals stream is too long');
}
