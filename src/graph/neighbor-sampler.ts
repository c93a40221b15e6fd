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
  const edges: number[] = [];
  const row: number[] = [];
  for (let i = 0; i < seeds.length; i++) {
    row.length = 0;
    const begin = graph.rowPtr[seeds[i]];
    const end = graph.rowPtr[seeds[i] + 1];
    if (isHidden) sampleVisible(begin, end, fanout, random, (e) => isHidden(e, seeds[i]), row);
    else sampleRange(begin, end, fanout, random, row);
    for (const e of row) edges.push(e);
    rowPtr[i + 1] = edges.length;
  }

  if (!continueTable) relabeler.begin();
  const colIndex = new Int32Array(edges.length);
  for (let e = 0; e < edges.length; e++) colIndex[e] = relabeler.localId(graph.colIndex[edges[e]]);
  return { nodeIds: relabeler.nodeIds(), rowPtr, colIndex, edgeIds: Uint32Array.from(edges) };
}

/** Gives global ids local numbers in the order of their first appearance. One table, reused from block to block. */
export class Relabeler {
  private readonly local: Int32Array; // [numNodes] local id, valid where `stamp` is current
  private readonly stamp: Int32Array; // [numNodes]
  private current = 1; // above the stamps of a fresh table, so that it is empty
  private ids: number[] = [];

  constructor(numNodes: number) {
    this.local = new Int32Array(numNodes);
    this.stamp = new Int32Array(numNodes);
  }

  /** Starts a new block; local ids count from 0 again. */
  begin(): void {
    this.current++;
    this.ids = [];
  }

  localId(globalId: number): number {
    if (this.stamp[globalId] !== this.current) {
      this.stamp[globalId] = this.current;
      this.local[globalId] = this.ids.length;
      this.ids.push(globalId);
    }
    return this.local[globalId];
  }

  /** [L] global ids; position = local id. */
  nodeIds(): Int32Array {
    return Int32Array.from(this.ids);
  }
}

/** Appends `fanout` of the numbers begin … end − 1 (all, where there are no more), ascending. Floyd's algorithm. */
function sampleRange(begin: number, end: number, fanout: number, random: Random, out: number[]): void {
  const count = end - begin;
  if (count <= fanout) {
    for (let e = begin; e < end; e++) out.push(e);
    return;
  }
  const chosen = new Set<number>();
  for (let j = count - fanout; j < count; j++) {
    const draw = random.below(j + 1);
    chosen.add(chosen.has(draw) ? j : draw);
  }
  for (const offset of [...chosen].sort((a, b) => a - b)) out.push(begin + offset);
}

/** As `sampleRange`, among the numbers that are not hidden. */
function sampleVisible(
  begin: number,
  end: number,
  fanout: number,
  random: Random,
  isHidden: (edge: number) => boolean,
  out: number[],
): void {
  const count = end - begin;
  if (count > 4 * fanout) {
    // long rows: draw and reject, rather than walk through thousands of edges to keep a few
    const chosen = new Set<number>();
    for (let attempt = 0; attempt < 32 * fanout && chosen.size < fanout; attempt++) {
      const e = begin + random.below(count);
      if (!isHidden(e)) chosen.add(e);
    }
    if (chosen.size === fanout) {
      for (const e of [...chosen].sort((a, b) => a - b)) out.push(e);
      return;
    }
  }
  const visible: number[] = [];
  for (let e = begin; e < end; e++) if (!isHidden(e)) visible.push(e);
  const positions: number[] = [];
  sampleRange(0, visible.length, fanout, random, positions);
  for (const position of positions) out.push(visible[position]);
}
