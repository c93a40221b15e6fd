import { MAX_BLOCK_SIZE, ZstdError } from './frames.js';
import { buildFseTable, constantFseTable, type FseTable, lastBitOf, readFseTable } from './fse.js';
import { decodeHuffmanStream, type HuffmanTable, readHuffmanTable } from './huffman.js';

/** Where a frame's output is written and looked back into. */
export interface Window {
  bytes: Uint8Array; // bytes[0, end) is the output so far, or its most recent part
  end: number;
}

/** What `readSequenceTable` needs to know of literal lengths, offsets and match lengths (RFC 8878 section 3.1.1.3.2). */
interface SequenceKind {
  readonly maxLog: number;
  readonly maxSymbol: number;
  readonly predefined: FseTable;
}

/**
 * Decodes the compressed blocks of one frame (RFC 8878 section 3.1.1.3): tables and repeat offsets live as long as it.
 */
export class BlockDecoder {
  private huffman: HuffmanTable | undefined;
  private literalLengths: FseTable | undefined;
  private offsets: FseTable | undefined;
  private matchLengths: FseTable | undefined;
  private offset1 = 1; // the three repeat offsets, most recent first
  private offset2 = 4;
  private offset3 = 8;

  constructor(
    private readonly scratch: BlockScratch,
    private readonly windowSize: number,
  ) {}

  /** Appends what `block` stands for to `window`, which has room for `maxOutput` bytes after its end. */
  decode(block: Uint8Array, window: Window, maxOutput: number): void {
    const { bytes } = this.scratch;
    const begin = PADDING;
    const end = begin + block.length;
    bytes.set(block, begin);
    const { literalsEnd, next } = this.readLiterals(begin, end, maxOutput);
    this.readSequences(next, end, literalsEnd, window, window.end + maxOutput);
  }

  /** Puts the block's literals into scratch.literals[0, literalsEnd); `next` is where the sequences start. */
  private readLiterals(begin: number, end: number, maxOutput: number): { literalsEnd: number; next: number } {
    const { bytes, view, literals } = this.scratch;
    const need = (count: number, at: number): void => {
      if (at + count > end) throw new ZstdError('a literals section is cut');
    };
    need(1, begin);
    const type = bytes[begin] & 3; // raw, one byte repeated, Huffman-coded, Huffman-coded with the last table
    const format = (bytes[begin] >>> 2) & 3;
    const isCoded = type >= 2;
    const headerSize = isCoded ? [3, 3, 4, 5][format] : [1, 2, 1, 3][format];
    need(headerSize, begin);
    const word = view.getUint32(begin, true);

    let size: number;
    let codedSize = 0;
    if (!isCoded) size = (word >>> (headerSize === 1 ? 3 : 4)) & [0x1f, 0xfff, 0x1f, 0xfffff][format];
    else {
      const bits = [10, 10, 14, 18][format];
      const high = bytes[begin + 4]; // bits 32–39 of the header, if it has them
      size = (word >>> 4) & (2 ** bits - 1);
      codedSize = bits === 18 ? (word >>> 22) | (high << 10) : (word >>> (4 + bits)) & (2 ** bits - 1);
    }
    if (size > maxOutput) throw new ZstdError(`a block has ${size} literals, at most ${maxOutput} are allowed`);

    let at = begin + headerSize;
    if (type === 0) {
      need(size, at);
      literals.set(bytes.subarray(at, at + size));
      return { literalsEnd: size, next: at + size };
    }
    if (type === 1) {
      need(1, at);
      literals.fill(bytes[at], 0, size);
      return { literalsEnd: size, next: at + 1 };
    }

    need(codedSize, at);
    const codedEnd = at + codedSize;
    if (type === 2) {
      const tree = readHuffmanTable(bytes, at, codedEnd);
      this.huffman = tree.table;
      at = tree.next;
    }
    const table = this.huffman;
    if (table === undefined) throw new ZstdError('a block refers to a Huffman tree before there was one');
    if (format === 0) {
      decodeHuffmanStream(bytes, view, at, codedEnd, table, literals, 0, size);
    } else {
      if (at + 6 > codedEnd) throw new ZstdError('a literals section is cut');
      const quarter = (size + 3) >>> 2;
      if (3 * quarter > size) throw new ZstdError(`${size} literals cannot be split into four streams`);
      let streamBegin = at + 6;
      for (let i = 0; i < 4; i++) {
        const streamEnd = i === 3 ? codedEnd : streamBegin + view.getUint16(at + 2 * i, true);
        if (streamEnd > codedEnd) throw new ZstdError('a literals stream is cut');
        const outEnd = i === 3 ? size : (i + 1) * quarter;
        decodeHuffmanStream(bytes, view, streamBegin, streamEnd, table, literals, i * quarter, outEnd);
        streamBegin = streamEnd;
      }
    }
    return { literalsEnd: size, next: codedEnd };
  }

  /** Reads the sequences in bytes[begin, end) and carries them out: literals, then a match, again and again. */
  private readSequences(begin: number, end: number, literalsEnd: number, window: Window, outLimit: number): void {
    const { bytes, view, literals } = this.scratch;
    const need = (count: number, at: number): void => {
      if (at + count > end) throw new ZstdError('a sequences section is cut');
    };
    let at = begin;
    need(1, at);
    let numSequences = bytes[at++];
    if (numSequences >= 128) {
      const isLong = numSequences === 255;
      need(isLong ? 2 : 1, at);
      numSequences = isLong ? view.getUint16(at, true) + 0x7f00 : ((numSequences - 128) << 8) | bytes[at];
      at += isLong ? 2 : 1;
    }
    if (numSequences === 0) {
      if (at !== end) throw new ZstdError('a block goes on after its end');
      this.appendLiterals(0, literalsEnd, window, outLimit);
      return;
    }

    need(1, at);
    const modes = bytes[at++];
    if ((modes & 3) !== 0) throw new ZstdError('the reserved bits of a sequences section are set');
    const readTable = (mode: number, kind: SequenceKind, last: FseTable | undefined): FseTable => {
      if (mode === 0) return kind.predefined;
      if (mode === 1) {
        need(1, at);
        if (bytes[at] > kind.maxSymbol) throw new ZstdError('a sequences section has a code that does not exist');
        return constantFseTable(bytes[at++]);
      }
      if (mode === 2) {
        const { table, next } = readFseTable(bytes, at, end, kind.maxLog, kind.maxSymbol);
        at = next;
        return table;
      }
      if (last === undefined) throw new ZstdError('a block refers to an entropy table before there was one');
      return last;
    };
    this.literalLengths = readTable(modes >>> 6, LITERAL_LENGTH, this.literalLengths);
    this.offsets = readTable((modes >>> 4) & 3, OFFSET, this.offsets);
    this.matchLengths = readTable((modes >>> 2) & 3, MATCH_LENGTH, this.matchLengths);

    // From here on it is the decoder's innermost loop: everything it touches is a local variable, and bits are read in
    // place. `bit` is the absolute position below which the next bits lie; loads are four bytes wide, so one read can
    // take up to 25 bits.
    const llCells = this.literalLengths.cells;
    const ofCells = this.offsets.cells;
    const mlCells = this.matchLengths.cells;
    const { windowSize } = this;
    const out = window.bytes;
    const first = at * 8;
    let bit = lastBitOf(bytes, at, end);
    bit -= this.literalLengths.log;
    let llState = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & (llCells.length - 1);
    bit -= this.offsets.log;
    let ofState = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & (ofCells.length - 1);
    bit -= this.matchLengths.log;
    let mlState = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & (mlCells.length - 1);

    let { offset1, offset2, offset3 } = this;
    let outAt = window.end;
    let literalAt = 0;
    for (let left = numSequences; ; left--) {
      const llCell = llCells[llState];
      const ofCell = ofCells[ofState];
      const mlCell = mlCells[mlState];

      const ofBits = ofCell & 255;
      let ofValue: number;
      bit -= ofBits;
      if (ofBits <= 24) {
        ofValue = (1 << ofBits) + ((view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << ofBits) - 1));
      } else {
        const low = (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & 0xffff;
        const highAt = bit + 16;
        const high = (view.getUint32(highAt >>> 3, true) >>> (highAt & 7)) & ((1 << (ofBits - 16)) - 1);
        ofValue = 2 ** ofBits + high * 65536 + low;
      }
      const mlBits = MATCH_LENGTH_BITS[mlCell & 255];
      bit -= mlBits;
      const matchLength =
        MATCH_LENGTH_BASE[mlCell & 255] + ((view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << mlBits) - 1));
      const llBits = LITERAL_LENGTH_BITS[llCell & 255];
      bit -= llBits;
      const literalLength =
        LITERAL_LENGTH_BASE[llCell & 255] + ((view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << llBits) - 1));

      let offset: number;
      if (ofValue > 3) {
        offset = ofValue - 3;
        offset3 = offset2;
        offset2 = offset1;
        offset1 = offset;
      } else {
        const which = ofValue + (literalLength === 0 ? 1 : 0); // without literals offset1 would be of no use
        if (which === 1) {
          offset = offset1;
        } else {
          offset = which === 2 ? offset2 : which === 3 ? offset3 : offset1 - 1;
          if (which !== 2) offset3 = offset2;
          offset2 = offset1;
          offset1 = offset;
        }
      }

      const matchAt = outAt + literalLength;
      const matchEnd = matchAt + matchLength;
      if (matchEnd > outLimit) throw new ZstdError('a block is longer than allowed');
      if (literalAt + literalLength > literalsEnd) throw new ZstdError('a block uses more literals than it has');
      if (offset === 0 || offset > matchAt || offset > windowSize)
        throw new ZstdError(`a match reaches back ${offset} B, beyond the window or the start`);
      if (literalLength > LONG_COPY) {
        out.set(literals.subarray(literalAt, literalAt + literalLength), outAt);
        literalAt += literalLength;
        outAt = matchAt;
      } else {
        while (outAt < matchAt) out[outAt++] = literals[literalAt++];
      }
      if (matchLength > LONG_COPY && offset >= matchLength) {
        out.copyWithin(outAt, outAt - offset, matchEnd - offset);
        outAt = matchEnd;
      } else {
        for (let from = outAt - offset; outAt < matchEnd; ) out[outAt++] = out[from++];
      }

      if (left === 1) break;
      let bits = (llCell >>> 8) & 255;
      bit -= bits;
      llState = (llCell >>> 16) + ((view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << bits) - 1));
      bits = (mlCell >>> 8) & 255;
      bit -= bits;
      mlState = (mlCell >>> 16) + ((view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << bits) - 1));
      bits = (ofCell >>> 8) & 255;
      bit -= bits;
      ofState = (ofCell >>> 16) + ((view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << bits) - 1));
      if (bit < first) throw new ZstdError('a sequences stream is too short');
    }
    if (bit !== first) throw new ZstdError('a sequences stream does not end where it should');

    this.offset1 = offset1;
    this.offset2 = offset2;
    this.offset3 = offset3;
    window.end = outAt;
    this.appendLiterals(literalAt, literalsEnd, window, outLimit);
  }

  private appendLiterals(begin: number, end: number, window: Window, outLimit: number): void {
    if (window.end + end - begin > outLimit) throw new ZstdError('a block is longer than allowed');
    window.bytes.set(this.scratch.literals.subarray(begin, end), window.end);
    window.end += end - begin;
  }
}

/** Memory that one block needs at a time; made once and used by every frame of a stream. */
export class BlockScratch {
  readonly bytes = new Uint8Array(PADDING + MAX_BLOCK_SIZE + PADDING);
  readonly view = new DataView(this.bytes.buffer);
  readonly literals = new Uint8Array(MAX_BLOCK_SIZE);
}

const PADDING = 16; // B: a sequence takes at most 89 bits, so a cut stream is noticed before a load leaves the scratch
const LONG_COPY = 48; // B, from which a bulk copy beats a loop

/** Code → (base, extra bits) of lengths: the codes below `count` are themselves, the others follow from their bits. */
function lengthBases(start: number, count: number, bits: readonly number[]): Int32Array {
  const bases = new Int32Array(256);
  for (let code = 0, base = start; code < count + bits.length; code++) {
    bases[code] = base;
    base += code < count ? 1 : 2 ** bits[code - count];
  }
  return bases;
}

function lengthBits(count: number, bits: readonly number[]): Uint8Array {
  const all = new Uint8Array(256);
  all.set(bits, count);
  return all;
}

const LITERAL_LENGTH_EXTRA = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const LITERAL_LENGTH_BASE = lengthBases(0, 16, LITERAL_LENGTH_EXTRA);
const LITERAL_LENGTH_BITS = lengthBits(16, LITERAL_LENGTH_EXTRA);
const MATCH_LENGTH_EXTRA = [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_LENGTH_BASE = lengthBases(3, 32, MATCH_LENGTH_EXTRA);
const MATCH_LENGTH_BITS = lengthBits(32, MATCH_LENGTH_EXTRA);

/** Predefined distributions: RFC 8878 section 3.1.1.3.2.2. */
const LITERAL_LENGTH: SequenceKind = {
  maxLog: 9,
  maxSymbol: 35,
  predefined: buildFseTable(
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
    6,
  ),
};
const OFFSET: SequenceKind = {
  maxLog: 8,
  maxSymbol: 31,
  predefined: buildFseTable(
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
  ),
};
const MATCH_LENGTH: SequenceKind = {
  maxLog: 9,
  maxSymbol: 52,
  predefined: buildFseTable(
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
  ),
};
