import type { BipartiteGraph } from './bipartite.js';
import { type Csr, transposeWeighted } from './csr.js';

export interface ProjectionOptions {
  /**
   * Users with more subreddits are left out, of `shared` and of the norms alike, and counted. A user of degree d links
   * d² pairs and says little about each of them; down-weighting would keep the cost, which is what the cap is for.
   */
  readonly maxUserDegree?: number; // default 300
  readonly maxUsers?: number; // looks at every n-th user, so that these are all at the most; the others count as skipped
  readonly minShared?: number; // default 2: one common user is chance
  readonly topK?: number; // default 32 strongest neighbors per subreddit, before symmetry
  /** Awaited about once a second, so that a program can show progress and hear signals; may throw to stop. */
  readonly onProgress?: (subredditsDone: number) => Promise<void>;
}

/** Which subreddits share users: M subreddits, E edges. */
export interface Projection {
  readonly graph: Csr; // [M × M] no diagonal; weight = cosine, in (0, 1]
  readonly shared: Uint32Array; // [E] common users of each edge of `graph`
  readonly numUsersSkipped: number; // above maxUserDegree, or not among every n-th
}

const STEPS_BETWEEN_REPORTS = 300_000_000;

/**
 * Subreddit–subreddit projection: cosine of the sets of users, shared / √(n_i n_j). Symmetric: a pair stays, in both
 * directions, if either end has the other among its `topK` strongest.
 */
export async function projectSubreddits(
  graph: Pick<BipartiteGraph, 'userToSubreddit' | 'subredditToUser'>,
  options: ProjectionOptions = {},
): Promise<Projection> {
  const nearest = await nearestSubreddits(graph, options);
  return { ...uniteDirections(nearest.graph, nearest.shared), numUsersSkipped: nearest.numUsersSkipped };
}

/**
 * The `topK` strongest neighbors of each subreddit in that projection, ties to the smaller id; not symmetric.
 *
 * Row by row (Gustavson, 1978): a dense accumulator and the list of what was touched, so the cost is one step per
 * user and pair of its subreddits.
 */
export async function nearestSubreddits(
  { userToSubreddit, subredditToUser }: Pick<BipartiteGraph, 'userToSubreddit' | 'subredditToUser'>,
  options: ProjectionOptions = {},
): Promise<Projection> {
  const { maxUserDegree = 300, maxUsers = Number.POSITIVE_INFINITY, minShared = 2, topK = 32, onProgress } = options;
  const { rowPtr: userPtr, colIndex: userCols } = userToSubreddit;
  const { numRows: numSubreddits, rowPtr, colIndex: members } = subredditToUser;

  const skipped = new Uint8Array(userToSubreddit.numRows);
  const stride = Math.max(1, Math.ceil(skipped.length / maxUsers));
  let numUsersSkipped = 0;
  for (let i = 0; i < skipped.length; i++) {
    if (userPtr[i + 1] - userPtr[i] <= maxUserDegree && i % stride === 0) continue;
    skipped[i] = 1;
    numUsersSkipped++;
  }
  const numUsers = new Uint32Array(numSubreddits); // of each subreddit, without the skipped
  for (let j = 0; j < numSubreddits; j++)
    for (let e = rowPtr[j]; e < rowPtr[j + 1]; e++) numUsers[j] += 1 - skipped[members[e]];

  const accumulator = new Uint32Array(numSubreddits);
  const touched = new Uint32Array(numSubreddits);
  const strongest = new TopK(topK);
  const picks = new PickList(numSubreddits);
  let steps = 0; // since the last report
  for (let i = 0; i < numSubreddits; i++) {
    if (onProgress && steps > STEPS_BETWEEN_REPORTS) {
      await onProgress(i);
      steps = 0;
    }
    let numTouched = 0;
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      const user = members[e];
      if (skipped[user]) continue;
      const end = userPtr[user + 1];
      steps += end - userPtr[user];
      for (let f = userPtr[user]; f < end; f++) {
        const j = userCols[f];
        if (accumulator[j]++ === 0) touched[numTouched++] = j;
      }
    }
    strongest.clear();
    for (let t = 0; t < numTouched; t++) {
      const j = touched[t];
      const shared = accumulator[j];
      accumulator[j] = 0;
      if (j !== i && shared >= minShared) strongest.offer(shared / Math.sqrt(numUsers[i] * numUsers[j]), j, shared);
    }
    picks.appendRow(i, strongest);
  }
  const directed = picks.toCsr();
  return { graph: directed, shared: picks.shared.subarray(0, directed.colIndex.length), numUsersSkipped };
}

/** The k best (weight, column) seen so far in a binary heap with the worst on top; ties prefer the smaller column. */
class TopK {
  readonly column: Uint32Array;
  readonly weight: Float64Array;
  readonly shared: Uint32Array;
  size = 0;

  constructor(readonly capacity: number) {
    this.column = new Uint32Array(capacity);
    this.weight = new Float64Array(capacity);
    this.shared = new Uint32Array(capacity);
  }

  clear(): void {
    this.size = 0;
  }

  offer(weight: number, column: number, shared: number): void {
    if (this.size < this.capacity) {
      let at = this.size++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!this.isWorse(weight, column, parent)) break;
        this.move(parent, at);
        at = parent;
      }
      this.put(at, weight, column, shared);
    } else if (this.capacity > 0 && !this.isWorse(weight, column, 0)) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= this.size) break;
        if (child + 1 < this.size && this.isWorse(this.weight[child + 1], this.column[child + 1], child)) child++;
        if (this.isWorse(weight, column, child)) break;
        this.move(child, at);
        at = child;
      }
      this.put(at, weight, column, shared);
    }
  }

  private isWorse(weight: number, column: number, than: number): boolean {
    return weight < this.weight[than] || (weight === this.weight[than] && column > this.column[than]);
  }

  private move(source: number, target: number): void {
    this.put(target, this.weight[source], this.column[source], this.shared[source]);
  }

  private put(at: number, weight: number, column: number, shared: number): void {
    this.weight[at] = weight;
    this.column[at] = column;
    this.shared[at] = shared;
  }
}

/** Directed picks row after row, in arrays that double. */
class PickList {
  readonly rowPtr: Uint32Array;
  colIndex = new Uint32Array(1024);
  weight = new Float32Array(1024);
  shared = new Uint32Array(1024);

  constructor(private readonly numRows: number) {
    this.rowPtr = new Uint32Array(numRows + 1);
  }

  appendRow(row: number, heap: TopK): void {
    const begin = this.rowPtr[row];
    const end = begin + heap.size;
    if (end > this.colIndex.length) this.grow(2 * end);
    const ascending = Array.from(heap.column.subarray(0, heap.size).keys());
    ascending.sort((a, b) => heap.column[a] - heap.column[b]);
    for (let p = 0; p < heap.size; p++) {
      this.colIndex[begin + p] = heap.column[ascending[p]];
      this.weight[begin + p] = heap.weight[ascending[p]];
      this.shared[begin + p] = heap.shared[ascending[p]];
    }
    this.rowPtr[row + 1] = end;
  }

  toCsr(): Csr {
    const numPicks = this.rowPtr[this.numRows];
    const colIndex = this.colIndex.subarray(0, numPicks);
    const weight = this.weight.subarray(0, numPicks);
    return { numRows: this.numRows, numCols: this.numRows, rowPtr: this.rowPtr, colIndex, weight };
  }

  private grow(capacity: number): void {
    const { colIndex, weight, shared } = this;
    this.colIndex = new Uint32Array(capacity);
    this.weight = new Float32Array(capacity);
    this.shared = new Uint32Array(capacity);
    this.colIndex.set(colIndex);
    this.weight.set(weight);
    this.shared.set(shared);
  }
}

/** Union of the picks and their transpose: each row is the merge of two ascending lists of equal-valued entries. */
function uniteDirections(picks: Csr, pickShared: Uint32Array): { graph: Csr; shared: Uint32Array } {
  const { transposed: back, edgeIds } = transposeWeighted(picks);
  const numRows = picks.numRows;
  const rowPtr = new Uint32Array(numRows + 1);
  const colIndex = new Uint32Array(2 * picks.colIndex.length);
  const weight = new Float32Array(2 * picks.colIndex.length);
  const shared = new Uint32Array(2 * picks.colIndex.length);
  let at = 0;
  for (let i = 0; i < numRows; i++) {
    let a = picks.rowPtr[i];
    let b = back.rowPtr[i];
    while (a < picks.rowPtr[i + 1] || b < back.rowPtr[i + 1]) {
      const columnA = a < picks.rowPtr[i + 1] ? picks.colIndex[a] : Infinity;
      const columnB = b < back.rowPtr[i + 1] ? back.colIndex[b] : Infinity;
      const pick = columnA <= columnB ? a : edgeIds[b];
      colIndex[at] = Math.min(columnA, columnB);
      weight[at] = picks.weight[pick];
      shared[at++] = pickShared[pick];
      if (columnA <= columnB) a++;
      if (columnB <= columnA) b++;
    }
    rowPtr[i + 1] = at;
  }
  const graph = { numRows, numCols: numRows, rowPtr, colIndex: colIndex.slice(0, at), weight: weight.slice(0, at) };
  return { graph, shared: shared.slice(0, at) };
}
