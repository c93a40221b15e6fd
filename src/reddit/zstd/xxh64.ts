/**
 * XXH64 with seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), fed in pieces.
 *
 * The loop over whole stripes runs on pairs of 32-bit integers, since BigInt would cost more than the decoding; the few
 * bytes at the end are done with BigInt, which reads like the specification.
 */
export class Xxh64 {
  private readonly high = new Int32Array(4); // the four accumulators
  private readonly low = new Int32Array(4);
  private readonly rest = Buffer.alloc(32);
  private restLength = 0;
  private total = 0;

  constructor() {
    const start = [PRIME_1 + PRIME_2, PRIME_2, 0n, -PRIME_1];
    start.forEach((accumulator, lane) => {
      this.high[lane] = Number(BigInt.asIntN(32, accumulator >> 32n));
      this.low[lane] = Number(BigInt.asIntN(32, accumulator));
    });
  }

  update(bytes: Buffer): void {
    this.total += bytes.length;
    let at = 0;
    if (this.restLength > 0) {
      at = Math.min(32 - this.restLength, bytes.length);
      bytes.copy(this.rest, this.restLength, 0, at);
      this.restLength += at;
      if (this.restLength < 32) return;
      this.mixStripes(this.rest, 0, 32);
    }
    const end = at + Math.floor((bytes.length - at) / 32) * 32;
    this.mixStripes(bytes, at, end);
    this.restLength = bytes.copy(this.rest, 0, end);
  }

  /** The low 32 bits, which is what a zstd frame stores. */
  digestLow32(): number {
    const accumulators = Array.from(
      this.high,
      (high, lane) => (BigInt(high >>> 0) << 32n) | BigInt(this.low[lane] >>> 0),
    );
    let hash = PRIME_5;
    if (this.total >= 32) {
      hash = 0n;
      accumulators.forEach((accumulator, lane) => {
        hash += rotl(accumulator, [1n, 7n, 12n, 18n][lane]);
      });
      for (const accumulator of accumulators)
        hash = u64((hash ^ u64(rotl(u64(accumulator * PRIME_2), 31n) * PRIME_1)) * PRIME_1 + PRIME_4);
    }
    hash = u64(hash + BigInt(this.total));

    let at = 0;
    for (; at + 8 <= this.restLength; at += 8) {
      const lane = u64(rotl(u64(this.rest.readBigUInt64LE(at) * PRIME_2), 31n) * PRIME_1);
      hash = u64(rotl(hash ^ lane, 27n) * PRIME_1 + PRIME_4);
    }
    for (; at + 4 <= this.restLength; at += 4) {
      const lane = u64(BigInt(this.rest.readUInt32LE(at)) * PRIME_1);
      hash = u64(rotl(hash ^ lane, 23n) * PRIME_2 + PRIME_3);
    }
    for (; at < this.restLength; at++) hash = u64(rotl(hash ^ u64(BigInt(this.rest[at]) * PRIME_5), 11n) * PRIME_1);

    hash = u64((hash ^ (hash >> 33n)) * PRIME_2);
    hash = u64((hash ^ (hash >> 29n)) * PRIME_3);
    return Number((hash ^ (hash >> 32n)) & 0xffffffffn);
  }

  /** accumulator = rotl(accumulator + lane · PRIME_2, 31) · PRIME_1, for every 8-byte lane of every 32-byte stripe. */
  private mixStripes(bytes: Buffer, begin: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let lane = 0; lane < 4; lane++) {
      let high = this.high[lane];
      let low = this.low[lane];
      for (let at = begin + lane * 8; at < end; at += 32) {
        const inLow = view.getInt32(at, true);
        const inHigh = view.getInt32(at + 4, true);
        const productLow = Math.imul(inLow, PRIME_2_LOW);
        const productHigh =
          (mulHigh(inLow, PRIME_2_LOW) + Math.imul(inHigh, PRIME_2_LOW) + Math.imul(inLow, PRIME_2_HIGH)) | 0;
        const sumLow = (low + productLow) | 0;
        const carry = sumLow >>> 0 < productLow >>> 0 ? 1 : 0;
        const sumHigh = (high + productHigh + carry) | 0;
        const rotatedHigh = (sumHigh << 31) | (sumLow >>> 1);
        const rotatedLow = (sumLow << 31) | (sumHigh >>> 1);
        low = Math.imul(rotatedLow, PRIME_1_LOW);
        high =
          (mulHigh(rotatedLow, PRIME_1_LOW) +
            Math.imul(rotatedHigh, PRIME_1_LOW) +
            Math.imul(rotatedLow, PRIME_1_HIGH)) |
          0;
      }
      this.high[lane] = high;
      this.low[lane] = low;
    }
  }
}

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const PRIME_1_HIGH = 0x9e3779b1 | 0;
const PRIME_1_LOW = 0x85ebca87 | 0;
const PRIME_2_HIGH = 0xc2b2ae3d | 0;
const PRIME_2_LOW = 0x27d4eb4f | 0;

/** Upper 32 bits of the product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const other = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function rotl(value: bigint, count: bigint): bigint {
  return u64(value << count) | (value >> (64n - count));
}
