import type { Random } from '../core/random.js';
import { type Communities, describePartition } from './communities.js';
import type { Csr } from './csr.js';

export interface LeidenOptions {
  readonly resolution?: number; // > 0, default 1; above 1 more and smaller communities
  readonly iterations?: number; // default 2: the second starts from the first's result, and is what leaves its optimum
}

/**
 * Leiden communities (Traag, Waltman & van Eck, 2019) of a symmetric weighted graph, by modularity.
 *
 * Local moving in rounds, each over the nodes whose neighborhood has changed; refinement, in which a node that is still alone joins the well-connected part of its
 * community that gains most (greedily, where the paper draws); aggregation of the refined parts, each starting in the
 * community it came from. Draws only the order of visits: one seed, one result. O(E) a pass; 24 B an edge at the peak
 * beside the graph. Measured against igraph in `test/bench/communities.bench.ts`.
 *
 * @param graph [M × M] symmetric; the diagonal is ignored
 */
export function leidenCommunities(graph: Csr, random: Random, options: LeidenOptions = {}): Communities {
  const { resolution = 1, iterations = 2 } = options;
  const bottom = levelOf(graph);
  let community = Uint32Array.from({ length: graph.numRows }, (_, v) => v);
  for (let i = 0; i < iterations; i++) community = improve(bottom, community, resolution, random.fork('iteration', i));
  return describePartition(graph, community, resolution);
}

/** A graph of one level: n nodes, each standing for some of the graph below. Each edge lies in both directions. */
interface Level {
  readonly numNodes: number; // n
  readonly rowPtr: Uint32Array; // [n + 1]
  readonly colIndex: Uint32Array; // no diagonal, not sorted
  readonly weight: Float32Array; // > 0, since zero marks a community not met yet
  readonly strength: Float64Array; // [n] weight of all edge ends in the node, those between its own members included
  readonly total: number; // 2m: all strengths
}

function levelOf({ numRows, rowPtr, colIndex, weight }: Csr): Level {
  const strength = new Float64Array(numRows);
  let total = 0;
  let diagonal = 0;
  for (let v = 0; v < numRows; v++) {
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      if (colIndex[e] === v) diagonal++;
      else strength[v] += weight[e];
    }
    total += strength[v];
  }
  if (diagonal === 0) return { numNodes: numRows, rowPtr, colIndex, weight, strength, total };
  const isEdge = (e: number, v: number) => colIndex[e] !== v;
  const outPtr = new Uint32Array(numRows + 1);
  const outIndex = new Uint32Array(colIndex.length - diagonal);
  const outWeight = new Float32Array(outIndex.length);
  let at = 0;
  for (let v = 0; v < numRows; v++) {
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      if (!isEdge(e, v)) continue;
      outIndex[at] = colIndex[e];
      outWeight[at++] = weight[e];
    }
    outPtr[v + 1] = at;
  }
  return { numNodes: numRows, rowPtr: outPtr, colIndex: outIndex, weight: outWeight, strength, total };
}

/** One iteration over all levels, from the given partition of the nodes of `bottom`. */
function improve(bottom: Level, start: Uint32Array, resolution: number, random: Random): Uint32Array<ArrayBuffer> {
  let level = bottom;
  let community = start.slice();
  const nodeOf = Uint32Array.from(start, (_, v) => v); // node of the current level in which each node of `bottom` lies
  for (let depth = 0; ; depth++) {
    const draws = random.fork('level', depth);
    moveNodes(level, community, resolution, draws);
    const { part, numParts } = refine(level, community, resolution, draws);
    if (numParts === level.numNodes) break;
    const above = aggregate(level, part, numParts);
    const communityAbove = new Uint32Array(numParts);
    for (let v = 0; v < level.numNodes; v++) communityAbove[part[v]] = community[v];
    compact(communityAbove, level.numNodes); // labels below numParts, as the level above needs them
    for (let v = 0; v < nodeOf.length; v++) nodeOf[v] = part[nodeOf[v]];
    level = above;
    community = communityAbove;
  }
  return nodeOf.map((v) => community[v]);
}

/** Renumbers labels below `bound` in the order of their first appearance, in place. */
function compact(labels: Uint32Array, bound: number): void {
  const rank = new Uint32Array(bound); // + 1, 0 = none yet
  let used = 0;
  for (let i = 0; i < labels.length; i++) {
    if (rank[labels[i]] === 0) rank[labels[i]] = ++used;
    labels[i] = rank[labels[i]] - 1;
  }
}

/** Moves nodes to the neighboring community, or to one of their own, that raises modularity most, until none can. */
function moveNodes(level: Level, community: Uint32Array, resolution: number, random: Random): void {
  const { numNodes, rowPtr, colIndex, weight, strength, total } = level;
  const mass = new Float64Array(numNodes); // strength of each community
  const size = new Uint32Array(numNodes);
  for (let v = 0; v < numNodes; v++) {
    mass[community[v]] += strength[v];
    size[community[v]]++;
  }
  const empty: number[] = [];
  for (let c = numNodes - 1; c >= 0; c--) if (size[c] === 0) empty.push(c);

  const queue = new Uint32Array(numNodes); // this round's, by community
  const next = random.shuffle(Uint32Array.from({ length: numNodes }, (_, v) => v)); // to be looked at in the next
  let numNext = numNodes;
  const begin = new Uint32Array(numNodes + 1);
  const isQueued = new Uint8Array(numNodes).fill(1);
  const toCommunity = new Float64Array(numNodes); // weight between the node and each community; 0 = not met
  const met = new Uint32Array(numNodes + 1);
  const scale = total > 0 ? resolution / total : 0;
  let numQueued = 0;
  for (let at = 0; at < numQueued || numNext > 0; at++) {
    if (at === numQueued) {
      groupNodes(next, numNext, community, begin, queue);
      numQueued = numNext;
      numNext = 0;
      at = 0;
    }
    const v = queue[at];
    isQueued[v] = 0;
    const old = community[v];
    let numMet = 0;
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      const c = community[colIndex[e]];
      const before = toCommunity[c];
      met[numMet] = c; // written each time and kept when new: a branch here is guessed wrong half the time, 20 % of all
      numMet += ((before === 0) as unknown as number) | 0;
      toCommunity[c] = before + weight[e];
    }
    const pull = strength[v] * scale;
    mass[old] -= strength[v];
    let best = old;
    let bestGain = toCommunity[old] - pull * mass[old];
    const margin = 1e-12 * strength[v]; // a tie by rounding is no reason to move, or moving might never end
    for (let i = 0; i < numMet; i++) {
      const c = met[i];
      const gain = toCommunity[c] - pull * mass[c];
      if (gain > bestGain + margin) {
        best = c;
        bestGain = gain;
      }
      toCommunity[c] = 0;
    }
    if (bestGain < -margin && size[old] > 1) best = empty.pop() as number;
    mass[best] += strength[v];
    if (best === old) continue;
    size[best]++;
    if (--size[old] === 0) empty.push(old);
    community[v] = best;
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      const u = colIndex[e];
      if (isQueued[u] || community[u] === best) continue;
      isQueued[u] = 1;
      next[numNext++] = u;
    }
  }
}

/**
 * Orders n nodes by community, in `grouped`; nodes of one community stay in their order. Members of a community have
 * neighbors in common, so that looking at them one after the other finds what they need in the cache.
 *
 * @param begin uint32 [labels + 1], overwritten
 */
function groupNodes(
  nodes: Uint32Array,
  n: number,
  community: Uint32Array,
  begin: Uint32Array,
  grouped: Uint32Array,
): void {
  begin.fill(0);
  for (let i = 0; i < n; i++) begin[community[nodes[i]] + 1]++;
  for (let c = 1; c < begin.length; c++) begin[c] += begin[c - 1];
  for (let i = 0; i < n; i++) grouped[begin[community[nodes[i]]]++] = nodes[i];
}

/**
 * Splits each community into parts that hold together. Both who joins and what is joined must be well connected to the
 * rest of the community: at least γ · k · (K − k) / 2m, for strengths k of the part and K of the community.
 */
function refine(
  level: Level,
  community: Uint32Array,
  resolution: number,
  random: Random,
): { part: Uint32Array; numParts: number } {
  const { numNodes, rowPtr, colIndex, weight, strength, total } = level;
  const scale = total > 0 ? resolution / total : 0;
  const mass = new Float64Array(numNodes); // strength of each community
  for (let v = 0; v < numNodes; v++) mass[community[v]] += strength[v];
  const part = Uint32Array.from({ length: numNodes }, (_, v) => v);
  const partMass = strength.slice();
  const partSize = new Uint32Array(numNodes).fill(1);
  const outside = new Float64Array(numNodes); // weight between each part and the rest of its community
  for (let v = 0; v < numNodes; v++)
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++)
      if (community[colIndex[e]] === community[v]) outside[v] += weight[e];

  const toPart = new Float64Array(numNodes);
  const met = new Uint32Array(numNodes);
  const drawn = random.shuffle(Uint32Array.from({ length: numNodes }, (_, i) => i));
  const order = new Uint32Array(numNodes);
  groupNodes(drawn, numNodes, community, new Uint32Array(numNodes + 1), order); // communities know nothing of each other
  for (const v of order) {
    if (partSize[part[v]] > 1) continue;
    const whole = mass[community[v]];
    const k = strength[v];
    if (outside[v] < scale * k * (whole - k)) continue;
    let numMet = 0;
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      const u = colIndex[e];
      if (community[u] !== community[v]) continue;
      if (toPart[part[u]] === 0) met[numMet++] = part[u];
      toPart[part[u]] += weight[e];
    }
    let best = v;
    let bestGain = 0;
    for (let i = 0; i < numMet; i++) {
      const p = met[i];
      const gain = toPart[p] - scale * k * partMass[p];
      if (gain > bestGain && outside[p] >= scale * partMass[p] * (whole - partMass[p])) {
        best = p;
        bestGain = gain;
      }
    }
    if (best !== v) {
      part[v] = best;
      partSize[v] = 0;
      partSize[best]++;
      partMass[best] += k;
      outside[best] += outside[v] - 2 * toPart[best];
    }
    for (let i = 0; i < numMet; i++) toPart[met[i]] = 0;
  }

  const rank = new Uint32Array(numNodes);
  let numParts = 0;
  for (const v of order) if (partSize[v] > 0) rank[v] = numParts++; // parts of a community have numbers side by side
  return { part: part.map((p) => rank[p]), numParts };
}

/** The graph of the parts; edges between two parts are summed, those inside count in the strength alone. */
function aggregate(level: Level, part: Uint32Array, numParts: number): Level {
  const { numNodes, rowPtr, colIndex, weight, strength, total } = level;
  const memberPtr = new Uint32Array(numParts + 1);
  const outStrength = new Float64Array(numParts);
  for (let v = 0; v < numNodes; v++) {
    memberPtr[part[v] + 1]++;
    outStrength[part[v]] += strength[v];
  }
  for (let p = 0; p < numParts; p++) memberPtr[p + 1] += memberPtr[p];
  const members = new Uint32Array(numNodes);
  const next = memberPtr.slice(0, numParts);
  for (let v = 0; v < numNodes; v++) members[next[part[v]]++] = v;

  const outPtr = new Uint32Array(numParts + 1);
  const outIndex = new Uint32Array(colIndex.length);
  const outWeight = new Float32Array(colIndex.length);
  const toPart = new Float64Array(numParts);
  let at = 0;
  for (let p = 0; p < numParts; p++) {
    const begin = at;
    for (let m = memberPtr[p]; m < memberPtr[p + 1]; m++) {
      const v = members[m];
      for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
        const q = part[colIndex[e]];
        if (q === p) continue;
        if (toPart[q] === 0) outIndex[at++] = q;
        toPart[q] += weight[e];
      }
    }
    for (let e = begin; e < at; e++) {
      outWeight[e] = toPart[outIndex[e]];
      toPart[outIndex[e]] = 0;
    }
    outPtr[p + 1] = at;
  }
  return {
    numNodes: numParts,
    rowPtr: outPtr,
    colIndex: outIndex.slice(0, at),
    weight: outWeight.slice(0, at),
    strength: outStrength,
    total,
  };
}
