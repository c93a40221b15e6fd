import type { Random } from '../core/random.js';
import type { Adjacency } from './csr.js';

/**
 * What one hop of sampling returns. Local indices count from 0 within the block.
 *
 * Shapes: S seeds, L distinct neighbors, E sampled edges.
 */
export interface SampledBlock {
  readonly nodeIds: Int32Array; // [L] global column ids; position = local index
  readonly rowPtr: Int32Array; // [S + 1] for the S seeds, in their order
  readonly colIndex: Int32Array; // [E] local, in [0, L)
  readonly edgeIds: Uint32Array; // [E] positions in the full graph, ascending inside a row
}

/**
 * Keeps at most `fanout` neighbors of each seed, uniformly and without replacement.
 *
 * @param isHidden edges that must not carry messages, such as those the loss predicts; called with a position in
 *   `graph` and its row
 * @param continueTable keeps the local ids of the relabeler's last block and adds to them
 */
export function sampleNeighbors(
  graph: Adjacency,
  seeds: ArrayLike<number>,
  fanout: number,
  random: Random,
  relabeler: Relabeler,
  isHidden?: (edge: number, row: number) => boolean,
  continueTable = false,
): SampledBlock {
  const rowPtr = new Int32Array(seeds.length + 1);
  const edgeIds = new Uint32Array(boundOf(graph, seeds, fanout));
  let numEdges = 0;
  for (let i = 0; i < seeds.length; i++) {
    const row = seeds[i];
    const begin = graph.rowPtr[row];
    const end = graph.rowPtr[row + 1];
    numEdges = isHidden
      ? sampleVisible(begin, end, fanout, random, isHidden, row, edgeIds, numEdges)
      : sampleRange(begin, end, fanout, random, edgeIds, numEdges);
    rowPtr[i + 1] = numEdges;
  }

  if (!continueTable) relabeler.begin();
  const colIndex = new Int32Array(numEdges);
  for (let e = 0; e < numEdges; e++) colIndex[e] = relabeler.localId(graph.colIndex[edgeIds[e]]);
  return { nodeIds: relabeler.nodeIds(), rowPtr, colIndex, edgeIds: edgeIds.subarray(0, numEdges) };
}

/** Edges that a block has at the most. */
function boundOf({ rowPtr }: Adjacency, seeds: ArrayLike<number>, fanout: number): number {
  let bound = 0;
  for (let i = 0; i < seeds.length; i++) bound += Math.min(fanout, rowPtr[seeds[i] + 1] - rowPtr[seeds[i]]);
  return bound;
}

/** Gives global ids local numbers in the order of their first appearance. One table, reused from block to block. */
export class Relabeler {
  private readonly table: Int32Array; // [numNodes, 2] the block that saw a node last, and its local id there
  private current = 1; // number of the block, above those of a fresh table, so that it is empty
  private ids = new Int32Array(1024); // [capacity]
  private length = 0;

  constructor(numNodes: number) {
    this.table = new Int32Array(2 * numNodes);
  }

  /** Starts a new block; local ids count from 0 again. */
  begin(): void {
    this.current++;
    this.length = 0;
  }

  localId(globalId: number): number {
    const { table } = this;
    const at = 2 * globalId;
    if (table[at] === this.current) return table[at + 1];
    table[at] = this.current;
    table[at + 1] = this.length;
    if (this.length === this.ids.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.ids);
      this.ids = larger;
    }
    this.ids[this.length] = globalId;
    return this.length++;
  }

  /** [L] global ids; position = local id. */
  nodeIds(): Int32Array {
    return this.ids.slice(0, this.length);
  }
}

/**
 * Writes `fanout` of the numbers begin … end − 1 (all, where there are no more), ascending, to `out` from `at` on.
 *
 * @returns where the next may be written
 */
function sampleRange(begin: number, end: number, fanout: number, random: Random, out: Uint32Array, at: number): number {
  const count = end - begin;
  if (count > 4 * fanout) {
    // few of many: draw until enough are distinct, and sort them in as they come
    for (let n = 0; n < fanout; ) if (insertNew(out, at, n, begin + random.index(count))) n++;
    return at + fanout;
  }
  return selectFrom(begin, end, count, fanout, random, out, at);
}

/** As `sampleRange`, among the numbers that are not hidden. */
function sampleVisible(
  begin: number,
  end: number,
  fanout: number,
  random: Random,
  isHidden: (edge: number, row: number) => boolean,
  row: number,
  out: Uint32Array,
  at: number,
): number {
  const count = end - begin;
  if (count > 4 * fanout) {
    // long rows: draw and reject, rather than walk through thousands of edges to keep a few
    let n = 0;
    for (let attempt = 0; attempt < 32 * fanout && n < fanout; attempt++) {
      const e = begin + random.index(count);
      if (!isHidden(e, row) && insertNew(out, at, n, e)) n++;
    }
    if (n === fanout) return at + fanout;
  }
  let visible = 0;
  for (let e = begin; e < end; e++) if (!isHidden(e, row)) visible++;
  return selectFrom(begin, end, visible, fanout, random, out, at, (e) => isHidden(e, row));
}

/** Selection sampling (Knuth, TAOCP 3.4.2, algorithm S): walks through the numbers once and keeps their order. */
function selectFrom(
  begin: number,
  end: number,
  count: number, // of those that are not hidden
  fanout: number,
  random: Random,
  out: Uint32Array,
  at: number,
  isHidden?: (edge: number) => boolean,
): number {
  let left = count;
  let wanted = Math.min(fanout, count);
  for (let e = begin; e < end && wanted > 0; e++) {
    if (isHidden?.(e)) continue;
    if (wanted === left || random.index(left) < wanted) {
      out[at++] = e;
      wanted--;
    }
    left--;
  }
  return at;
}

/** Sorts `value` into the n ascending numbers from `at` on. False where it is among them already. */
function insertNew(out: Uint32Array, at: number, n: number, value: number): boolean {
  let to = at + n;
  while (to > at && out[to - 1] > value) to--;
  if (to > at && out[to - 1] === value) return false;
  out.copyWithin(to + 1, to, at + n);
  out[to] = value;
  return true;
}
