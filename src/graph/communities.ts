import type { Csr } from './csr.js';

/** A partition of the M nodes of a graph. */
export interface Communities {
  readonly community: Int32Array; // [M] 0 = largest; ties to the one with the smallest member
  readonly numCommunities: number; // a node without edges is a community of its own
  readonly modularity: number; // [-0.5, 1] at the given resolution; 0 without edges
}

/** A partition renumbered by size, with its modularity. `labels` are below M. */
export function describePartition(graph: Csr, labels: Uint32Array, resolution = 1): Communities {
  const { community, numCommunities } = renumberBySize(labels);
  return { community, numCommunities, modularity: modularityOf(graph, community, resolution) };
}

/**
 * Modularity of a partition of a symmetric graph: Σ over communities of inside / 2m − γ (strength / 2m)², for m the
 * weight of all edges (Newman & Girvan, 2004). The diagonal is ignored.
 */
export function modularityOf(graph: Csr, community: ArrayLike<number>, resolution = 1): number {
  const { numRows, rowPtr, colIndex, weight } = graph;
  const strength = new Float64Array(numRows); // by community
  let inside = 0;
  let total = 0;
  for (let v = 0; v < numRows; v++) {
    const c = community[v];
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      if (colIndex[e] === v) continue;
      strength[c] += weight[e];
      total += weight[e];
      if (community[colIndex[e]] === c) inside += weight[e];
    }
  }
  if (total === 0) return 0;
  let expected = 0;
  for (const k of strength) expected += (k / total) ** 2;
  return inside / total - resolution * expected;
}

function renumberBySize(labels: Uint32Array): { community: Int32Array; numCommunities: number } {
  const size = new Uint32Array(labels.length);
  const order: number[] = []; // of first members, which the stable sort keeps for ties
  for (const label of labels) if (size[label]++ === 0) order.push(label);
  order.sort((a, b) => size[b] - size[a]);
  const rank = new Int32Array(labels.length);
  order.forEach((label, at) => {
    rank[label] = at;
  });
  return { community: Int32Array.from(labels, (label) => rank[label]), numCommunities: order.length };
}
