import type { Adjacency } from './csr.js';

/** How degrees are spread on one side of the graph. Quantiles are nearest-rank: each is a degree that occurs. */
export interface DegreeStatistics {
  readonly numNodes: number;
  readonly min: number;
  readonly median: number;
  readonly mean: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly gini: number; // [0, 1): 0 = all equal; near 1 = few nodes hold almost all edges
  readonly histogram: readonly DegreeBin[];
}

/** Nodes with degree in [begin, end). Bins: 0 alone, then [1, 2), [2, 4), [4, 8) … up to the largest degree. */
export interface DegreeBin {
  readonly begin: number;
  readonly end: number;
  readonly count: number;
}

/** A users × subreddits graph in numbers. Nodes without edges count as components of their own. */
export interface GraphStatistics {
  readonly numUsers: number;
  readonly numSubreddits: number;
  readonly numEdges: number;
  readonly density: number; // [0, 1], edges over all possible; 0 where none is possible
  readonly userDegree: DegreeStatistics;
  readonly subredditDegree: DegreeStatistics;
  readonly numComponents: number;
  readonly largestComponent: { readonly numNodes: number; readonly share: number }; // share of all nodes
}

/** Degrees of both sides, density and connectedness. O(E + N log N). All zeros for an empty graph. */
export function describeGraph(graph: Adjacency): GraphStatistics {
  const { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex } = graph;
  const numEdges = colIndex.length;
  const userDegree = new Uint32Array(numUsers);
  for (let i = 0; i < numUsers; i++) userDegree[i] = rowPtr[i + 1] - rowPtr[i];
  const subredditDegree = new Uint32Array(numSubreddits);
  for (let e = 0; e < numEdges; e++) subredditDegree[colIndex[e]]++;

  const { numComponents, largest } = countComponents(graph);
  return {
    numUsers,
    numSubreddits,
    numEdges,
    density: numEdges === 0 ? 0 : numEdges / (numUsers * numSubreddits),
    userDegree: describeDegrees(userDegree),
    subredditDegree: describeDegrees(subredditDegree),
    numComponents,
    largestComponent: { numNodes: largest, share: largest === 0 ? 0 : largest / (numUsers + numSubreddits) },
  };
}

function describeDegrees(degrees: Uint32Array): DegreeStatistics {
  const sorted = degrees.sort(); // ours to sort: the caller made it for this
  const numNodes = sorted.length;
  if (numNodes === 0) return { numNodes, min: 0, median: 0, mean: 0, p90: 0, p99: 0, max: 0, gini: 0, histogram: [] };

  let total = 0;
  let ranked = 0;
  for (let i = 0; i < numNodes; i++) {
    total += sorted[i];
    ranked += (i + 1) * sorted[i];
  }
  const quantile = (q: number): number => sorted[Math.max(0, Math.ceil(q * numNodes) - 1)];
  return {
    numNodes,
    min: sorted[0],
    median: quantile(0.5),
    mean: total / numNodes,
    p90: quantile(0.9),
    p99: quantile(0.99),
    max: sorted[numNodes - 1],
    gini: total === 0 ? 0 : (2 * ranked) / (numNodes * total) - (numNodes + 1) / numNodes,
    histogram: binByPowersOfTwo(sorted),
  };
}

function binByPowersOfTwo(sorted: Uint32Array): DegreeBin[] {
  const bins: DegreeBin[] = [];
  for (let i = 0, begin = 0, end = 1; i < sorted.length; begin = end, end *= 2) {
    const first = i;
    while (i < sorted.length && sorted[i] < end) i++;
    bins.push({ begin, end, count: i - first });
  }
  return bins;
}

/** Union–find over users and subreddits (subreddit j is node numUsers + j) with path halving. */
function countComponents(graph: Adjacency): { numComponents: number; largest: number } {
  const { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex } = graph;
  const numNodes = numUsers + numSubreddits;
  const parent = new Uint32Array(numNodes);
  const size = new Uint32Array(numNodes).fill(1);
  for (let i = 0; i < numNodes; i++) parent[i] = i;
  const find = (node: number): number => {
    while (parent[node] !== node) {
      parent[node] = parent[parent[node]];
      node = parent[node];
    }
    return node;
  };

  let numComponents = numNodes;
  let largest = Math.min(1, numNodes);
  for (let i = 0; i < numUsers; i++)
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      let a = find(i);
      let b = find(numUsers + colIndex[e]);
      if (a === b) continue;
      if (size[a] < size[b]) [a, b] = [b, a];
      parent[b] = a;
      size[a] += size[b];
      largest = Math.max(largest, size[a]);
      numComponents--;
    }
  return { numComponents, largest };
}

/** How many nodes have one degree, and the share of all that have at least it: a point of a degree plot. */
export interface DegreeCount {
  readonly degree: number;
  readonly nodes: number;
  readonly atLeast: number; // (0, 1]
}

/** The degrees that occur among the rows of a graph, ascending. */
export function countDegrees({ numRows, rowPtr }: Adjacency): DegreeCount[] {
  const nodes = new Map<number, number>();
  for (let i = 0; i < numRows; i++) {
    const degree = rowPtr[i + 1] - rowPtr[i];
    nodes.set(degree, (nodes.get(degree) ?? 0) + 1);
  }
  let left = numRows;
  return [...nodes]
    .sort(([a], [b]) => a - b)
    .map(([degree, count]) => {
      const atLeast = left / numRows;
      left -= count;
      return { degree, nodes: count, atLeast };
    });
}
