export const EVENT_WORDS = 6;
const BUCKET_BITS = 9;
const NUM_BUCKETS = 1 << BUCKET_BITS;
const MAX_DIGIT_BITS = 13;
const INSERTION_SIZE = 24; // events; more are left to the engine's sort

/** Called for each user: its events are `order[begin]` to `order[end]`, positions in `events`, end excluded. */
export type OnUser = (events: Uint32Array, order: Uint32Array, begin: number, end: number) => void;

/**
 * Groups events by user, users ascending by hash. An event is six u32 words, of which the first two are the hash, high
 * word first; the order of a user's events is left open.
 *
 * Hashes are spread evenly. So the events are first dealt out by their highest 9 bits into buckets that fit the cache,
 * then positions inside a bucket by as many of the next bits as leave about one user to a place; the few who share one
 * are sorted by comparison.
 */
export class EventSorter {
  private readonly dealt: Uint32Array; // [R, EVENT_WORDS]
  private readonly order: Uint32Array; // [R]
  private readonly bucketEnd = new Uint32Array(NUM_BUCKETS);
  private readonly places = new Uint32Array(1 << MAX_DIGIT_BITS);

  constructor(capacity: number) {
    this.dealt = new Uint32Array(capacity * EVENT_WORDS);
    this.order = new Uint32Array(capacity);
  }

  forEachUser(events: Uint32Array, size: number, onUser: OnUser): void {
    this.deal(events, size);
    let begin = 0;
    for (let bucket = 0; bucket < NUM_BUCKETS; bucket++) {
      const end = this.bucketEnd[bucket];
      if (begin < end) this.sortBucket(begin, end);
      this.callUsers(begin, end, onUser);
      begin = end;
    }
  }

  /** Copies the events to `dealt`, by their highest bits. */
  private deal(events: Uint32Array, size: number): void {
    const { dealt, bucketEnd } = this;
    const shift = 32 - BUCKET_BITS;
    bucketEnd.fill(0);
    for (let at = 0; at < size * EVENT_WORDS; at += EVENT_WORDS) bucketEnd[events[at] >>> shift]++;
    sumUp(bucketEnd, NUM_BUCKETS, 0);
    for (let at = 0; at < size * EVENT_WORDS; at += EVENT_WORDS) {
      const hi = events[at];
      const to = bucketEnd[hi >>> shift]++ * EVENT_WORDS;
      dealt[to] = hi;
      dealt[to + 1] = events[at + 1];
      dealt[to + 2] = events[at + 2];
      dealt[to + 3] = events[at + 3];
      dealt[to + 4] = events[at + 4];
      dealt[to + 5] = events[at + 5];
    }
  }

  /** Fills `order` from begin to end with the bucket's positions, ascending by hash. */
  private sortBucket(begin: number, end: number): void {
    const { dealt, order, places } = this;
    const bits = Math.min(MAX_DIGIT_BITS, 32 - Math.clz32(end - begin));
    const shift = 32 - BUCKET_BITS - bits;
    const mask = (1 << bits) - 1;
    places.fill(0, 0, mask + 1);
    for (let at = begin * EVENT_WORDS; at < end * EVENT_WORDS; at += EVENT_WORDS)
      places[(dealt[at] >>> shift) & mask]++;
    sumUp(places, mask + 1, begin);
    for (let i = begin; i < end; i++) order[places[(dealt[i * EVENT_WORDS] >>> shift) & mask]++] = i;
    let from = begin;
    for (let place = 0; place <= mask; place++) {
      const to = places[place];
      if (to - from > 1) this.sortPlace(from, to);
      from = to;
    }
  }

  /** Sorts order[begin] to order[end] by the whole hash; often they are one user's already. */
  private sortPlace(begin: number, end: number): void {
    const { dealt, order } = this;
    if (end - begin > INSERTION_SIZE) {
      const first = order[begin] * EVENT_WORDS;
      let i = begin + 1;
      while (i < end && compareUsers(dealt, order[i] * EVENT_WORDS, first) === 0) i++;
      if (i < end) order.subarray(begin, end).sort((a, b) => compareUsers(dealt, a * EVENT_WORDS, b * EVENT_WORDS));
      return;
    }
    for (let i = begin + 1; i < end; i++) {
      const event = order[i];
      let j = i - 1;
      while (j >= begin && compareUsers(dealt, order[j] * EVENT_WORDS, event * EVENT_WORDS) > 0)
        order[j + 1] = order[j--];
      order[j + 1] = event;
    }
  }

  private callUsers(begin: number, end: number, onUser: OnUser): void {
    const { dealt, order } = this;
    for (let at = begin; at < end; ) {
      const first = order[at] * EVENT_WORDS;
      let next = at + 1;
      while (next < end && compareUsers(dealt, order[next] * EVENT_WORDS, first) === 0) next++;
      onUser(dealt, order, at, next);
      at = next;
    }
  }
}

/** Order of the users of the events at two word offsets: negative, 0 or positive. */
function compareUsers(events: Uint32Array, a: number, b: number): number {
  return events[a] - events[b] || events[a + 1] - events[b + 1];
}

/** Turns counts into where each begins, `begin` first. */
function sumUp(counts: Uint32Array, size: number, begin: number): void {
  let sum = begin;
  for (let i = 0; i < size; i++) {
    const count = counts[i];
    counts[i] = sum;
    sum += count;
  }
}
