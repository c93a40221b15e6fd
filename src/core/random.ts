/**
 * Seeded randomness with named sub-seeds.
 *
 * A generator is a function of its seed and the path of names that led to it, so a draw never depends on how much was
 * drawn elsewhere: `new Random(7).fork('train', epoch, step)` is the same on every machine, thread and resume.
 * xoshiro128** (Blackman & Vigna, 2018) on 32-bit integers; the state is filled by a murmur3-style mix of the path.
 */
export class Random {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;
  private readonly key: number; // 32 bits that stand for the path, from which forks are made
  /** What makes this generator anew, as it was before its first draw: `new Random(random.seed)`, on any thread. */
  readonly seed: readonly number[];

  constructor(seed: number | readonly number[]) {
    const words = typeof seed === 'number' ? [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] : seed;
    this.seed = words;
    let h = 0x9e3779b9;
    for (const word of words) h = mix(h ^ Math.imul(word, 0x85ebca6b));
    this.key = h;
    this.s0 = mix(h ^ 0x1b873593);
    this.s1 = mix(this.s0 ^ words[0]);
    this.s2 = mix(this.s1 ^ (words[words.length - 1] + 0x6d2b79f5));
    this.s3 = mix(this.s2 ^ h) | 1; // never all zero
  }

  /** A generator of its own for the named purpose; does not advance this one. */
  fork(...path: readonly (string | number)[]): Random {
    const words = [this.key];
    for (const part of path) words.push(typeof part === 'number' ? part | 0 : hashText(part), 0x27d4eb2f);
    return new Random(words);
  }

  /** Uniform over [0, 2^32). */
  uint32(): number {
    const result = Math.imul(rotl(Math.imul(this.s1, 5), 7), 9) >>> 0;
    const t = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= t;
    this.s3 = rotl(this.s3, 11);
    return result;
  }

  /** Uniform over [0, 1), 53 bits. */
  float(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** Uniform integer in [0, bound), unbiased by rejection. `bound` in [1, 2^32]. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % bound;
  }

  /**
   * As `below`, with other draws and several times faster for bounds to 2^21: a multiplication takes the place of the
   * division (Lemire 2019, exact in float64), as samplers want it who draw hundreds of millions of times.
   */
  index(bound: number): number {
    if (bound > 0x200000) return this.below(bound);
    for (;;) {
      const product = this.uint32() * bound; // below 2^53
      const draw = Math.floor(product / 4294967296);
      const rest = product - draw * 4294967296;
      if (rest >= bound || rest >= 4294967296 % bound) return draw;
    }
  }

  /** Standard normal (Box–Muller, one of the pair). */
  normal(): number {
    const u = 1 - this.float(); // (0, 1]: log stays finite
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.float());
  }

  /** Shuffles in place (Fisher–Yates) and returns the array. */
  shuffle<T extends Int32Array | Uint32Array | unknown[]>(array: T): T {
    for (let i = array.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = array[i];
      array[i] = array[j];
      array[j] = held;
    }
    return array;
  }
}

function rotl(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** murmur3's finaliser: every input bit reaches every output bit. */
function mix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h ^ text.length);
}
