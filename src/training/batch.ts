import type { Random } from '../core/random.js';
import { type BipartiteGraph, edgeIdOf, gatherFeatures } from '../graph/bipartite.js';
import type { Adjacency } from '../graph/csr.js';
import { Relabeler, type SampledBlock, sampleNeighbors } from '../graph/neighbor-sampler.js';

/** Edges of a block as the encoder takes them: B targets, E edges, F features. Local indices. */
export interface EdgeBlock {
  readonly rowPtr: Int32Array; // [B + 1]
  readonly colIndex: Int32Array; // [E]
  readonly edgeFeatures: Float32Array; // [E, F]
}

/** What the encoder reads to encode some users from sampled neighbors. */
export interface EncoderInput {
  readonly rows: Int32Array; // [R] subreddits whose input rows are read; the first S are the users' own
  readonly numStates: number; // S
  // users that subreddits listen to, and the blocks of the first layer; empty where there is one layer
  readonly hopUsers: { readonly rowPtr: Int32Array; readonly colIndex: Int32Array }; // [U + 1], into `rows`
  readonly toSubreddits: EdgeBlock; // S targets ← U hop users
  readonly toUsers: EdgeBlock; // B targets ← S subreddits
  readonly degree: Float32Array; // [B] visible links of each user
}

/** One step's worth of training. */
export interface TrainingBatch {
  readonly input: EncoderInput;
  readonly candidates: Int32Array; // [M] subreddits that the loss ranks
  readonly posPtr: Int32Array; // [B + 1]
  readonly posIndex: Int32Array; // [P] into candidates: the hidden links
  readonly maskPtr: Int32Array; // [B + 1]
  readonly maskIndex: Int32Array; // [K] into candidates: links that are no negatives
  readonly logQ: Float32Array; // [M] log of the probability that a candidate is among them
}

export interface BatchOptions {
  readonly numLayers: 1 | 2; // of the encoder: with one, no users beyond the seeds are read
  readonly fanout: readonly [perUser: number, perSubreddit: number];
  readonly numCandidates: number; // drawn in addition to the positives
  readonly batchUsers: number;
}

/**
 * How many links a step hides of a user, drawn anew each time: mostly a share of them; of some users all but a few, so that
 * people are learned from as well of whom little is known.
 */
const HIDE_MIN = 0.1;
const HIDE_MAX = 0.7;
const FEW_LINKS_RATE = 0.25; // how often all but a few are hidden
const FEW_LINKS = 10; // shown then: 1 to so many
/** Positives of one user in one step: bounds the work that very active users cause. */
const MAX_POSITIVES = 64;

/** Tables that samplers reuse from batch to batch. */
export class BatchSampler {
  private readonly subreddits: Relabeler;
  private readonly users: Relabeler;
  private readonly candidateOf: Int32Array; // [S] position among the candidates + 1, 0 = none
  private readonly hidden: Uint8Array; // [E] edges hidden in this batch
  private readonly isSeed: Uint8Array; // [N] users of this batch
  private readonly logQ: Float32Array; // [S]
  private edges: Uint32Array = new Uint32Array(1024); // of one user, at least

  constructor(
    private readonly graph: BipartiteGraph,
    private readonly options: BatchOptions,
  ) {
    const { numRows, numCols, colIndex } = graph.userToSubreddit;
    this.subreddits = new Relabeler(numCols);
    this.users = new Relabeler(numRows);
    this.candidateOf = new Int32Array(numCols);
    this.hidden = new Uint8Array(colIndex.length);
    this.isSeed = new Uint8Array(numRows);
    this.logQ = logProbabilities(graph, options);
  }

  /**
   * Hides a random part of each user's links, and returns what is needed to predict exactly those from the rest. A
   * hidden edge carries no message in either direction.
   *
   * @param seeds users, each with at least two links
   */
  sampleTraining(seeds: Uint32Array, random: Random): TrainingBatch {
    const { rowPtr, colIndex } = this.graph.userToSubreddit;
    const posPtr = new Int32Array(seeds.length + 1);
    const degree = new Float32Array(seeds.length);
    let positives: Uint32Array = new Uint32Array(16 * seeds.length); // subreddits, user after user
    for (let b = 0; b < seeds.length; b++) {
      this.isSeed[seeds[b]] = 1;
      const begin = rowPtr[seeds[b]];
      const count = rowPtr[seeds[b] + 1] - begin;
      const numHidden = drawHidden(count, random);
      const edges = this.shuffleSome(begin, count, numHidden, random);
      for (let i = 0; i < numHidden; i++) this.hidden[edges[i]] = 1;
      const numPositives = Math.min(numHidden, MAX_POSITIVES);
      if (posPtr[b] + numPositives > positives.length) positives = grown(positives);
      for (let i = 0; i < numPositives; i++) positives[posPtr[b] + i] = colIndex[edges[i]];
      posPtr[b + 1] = posPtr[b] + numPositives;
      degree[b] = count - numHidden;
    }
    const input = this.sampleInput(seeds, degree, random);
    const targets = this.sampleTargets(seeds, posPtr, positives, random);
    for (const u of seeds) {
      this.hidden.fill(0, rowPtr[u], rowPtr[u + 1]);
      this.isSeed[u] = 0;
    }
    return { input, ...targets };
  }

  /** The numbers begin … begin + count − 1, of which the first `some` are drawn at random (Fisher–Yates, cut short). */
  private shuffleSome(begin: number, count: number, some: number, random: Random): Uint32Array {
    while (this.edges.length < count) this.edges = grown(this.edges);
    const { edges } = this;
    for (let i = 0; i < count; i++) edges[i] = begin + i;
    for (let i = 0; i < some; i++) {
      const j = i + random.index(count - i);
      const held = edges[i];
      edges[i] = edges[j];
      edges[j] = held;
    }
    return edges;
  }

  /** Blocks for encoding users from those of their links that are not hidden. */
  private sampleInput(seeds: Uint32Array, degree: Float32Array, random: Random): EncoderInput {
    const { userToSubreddit, subredditToUser, edgeFeatures } = this.graph;
    const [perUser, perSubreddit] = this.options.fanout;
    const { hidden, isSeed } = this; // only links of seeds are hidden: most rows need no look at their edges
    const isHidden = (e: number, user: number) => isSeed[user] === 1 && hidden[e] === 1;

    const outer = sampleNeighbors(userToSubreddit, seeds, perUser, random, this.subreddits, isHidden);
    const toUsers = { ...outer, edgeFeatures: gatherFeatures(edgeFeatures, outer.edgeIds) };
    const numStates = outer.nodeIds.length;
    if (this.options.numLayers === 1) {
      const nobody = { rowPtr: new Int32Array(1), colIndex: new Int32Array(0) };
      const toSubreddits = { ...nobody, edgeFeatures: new Float32Array(0) };
      return { rows: outer.nodeIds, numStates, hopUsers: nobody, toSubreddits, toUsers, degree };
    }
    const inner = sampleNeighbors(subredditToUser, outer.nodeIds, perSubreddit, random, this.users, (e, s) => {
      const user = subredditToUser.colIndex[e];
      return isSeed[user] === 1 && hidden[edgeIdOf(userToSubreddit, user, s)] === 1;
    });
    // the same table goes on, so that the users' own subreddits stay the first rows
    const hop = sampleNeighbors(userToSubreddit, inner.nodeIds, perUser, random, this.subreddits, isHidden, true);

    return {
      rows: hop.nodeIds,
      numStates,
      hopUsers: { rowPtr: hop.rowPtr, colIndex: hop.colIndex },
      toSubreddits: {
        ...inner,
        edgeFeatures: gatherFeatures(edgeFeatures, edgesOfBlock(this.graph, outer.nodeIds, inner)),
      },
      toUsers,
      degree,
    };
  }

  /**
   * Candidates: every positive of the batch and a uniform draw beside them; all subreddits where the draw would be half
   * of them anyway, which makes the loss a full softmax.
   */
  private sampleTargets(
    seeds: Uint32Array,
    posPtr: Int32Array,
    positives: Uint32Array,
    random: Random,
  ): Omit<TrainingBatch, 'input'> {
    const { userToSubreddit } = this.graph;
    const numSubreddits = userToSubreddit.numCols;
    const { numCandidates } = this.options;
    const { candidateOf } = this;
    const all = drawsAll(numCandidates, numSubreddits);
    const numPositives = posPtr[seeds.length];
    const taken = new Int32Array(all ? numSubreddits : Math.min(numSubreddits, numPositives + numCandidates));
    let numTaken = 0;
    const take = (s: number) => {
      if (candidateOf[s] !== 0) return;
      taken[numTaken++] = s;
      candidateOf[s] = numTaken;
    };
    if (all) for (let s = 0; s < numSubreddits; s++) take(s);
    for (let p = 0; p < numPositives; p++) take(positives[p]);
    if (!all) for (let i = 0; i < numCandidates; i++) take(random.index(numSubreddits));
    const candidates = taken.subarray(0, numTaken);

    const posIndex = new Int32Array(numPositives);
    for (let p = 0; p < numPositives; p++) posIndex[p] = candidateOf[positives[p]] - 1;
    const maskPtr = new Int32Array(seeds.length + 1);
    let numLinks = 0;
    for (const u of seeds) numLinks += userToSubreddit.rowPtr[u + 1] - userToSubreddit.rowPtr[u];
    const masked = new Int32Array(numLinks);
    let numMasked = 0;
    for (let b = 0; b < seeds.length; b++) {
      for (let e = userToSubreddit.rowPtr[seeds[b]]; e < userToSubreddit.rowPtr[seeds[b] + 1]; e++) {
        const candidate = candidateOf[userToSubreddit.colIndex[e]];
        if (candidate !== 0) masked[numMasked++] = candidate - 1; // positives among them are not masked by the loss
      }
      maskPtr[b + 1] = numMasked;
    }

    const logQ = Float32Array.from(candidates, (s) => this.logQ[s]);
    for (const s of candidates) candidateOf[s] = 0;
    return { candidates, posPtr, posIndex, maskPtr, maskIndex: masked.subarray(0, numMasked), logQ };
  }
}

/** Links to hide of `count`: at least one hidden, at least one shown. */
function drawHidden(count: number, random: Random): number {
  const hidden =
    random.float() < FEW_LINKS_RATE
      ? count - 1 - random.index(FEW_LINKS)
      : Math.round((HIDE_MIN + (HIDE_MAX - HIDE_MIN) * random.float()) * count);
  return Math.min(count - 1, Math.max(1, hidden));
}

/** Share of all links that is hidden when each user is in one batch, about. */
function meanHiddenShare({ numRows, rowPtr }: Adjacency): number {
  let few = 0;
  for (let u = 0; u < numRows; u++)
    for (let shown = 1; shown <= FEW_LINKS; shown++) few += Math.max(0, rowPtr[u + 1] - rowPtr[u] - shown) / FEW_LINKS;
  const share = (HIDE_MIN + HIDE_MAX) / 2;
  return (1 - FEW_LINKS_RATE) * share + (FEW_LINKS_RATE * few) / Math.max(1, rowPtr[numRows]);
}

/**
 * Log of the probability that a subreddit is among the candidates of a batch [S].
 *
 * A subreddit with n users is hidden about λ = n · (batch / users) · (mean share hidden) times in a batch, so it is missed
 * among the positives with probability e^−λ, and by the uniform draw with (1 − 1/S)^numCandidates.
 */
function logProbabilities(
  { userToSubreddit, subredditToUser: { numRows: numSubreddits, rowPtr } }: BipartiteGraph,
  { numCandidates, batchUsers }: BatchOptions,
): Float32Array {
  const perUser = (batchUsers / userToSubreddit.numRows) * meanHiddenShare(userToSubreddit);
  const missedByDraw = drawsAll(numCandidates, numSubreddits) ? 0 : (1 - 1 / numSubreddits) ** numCandidates;
  return Float32Array.from({ length: numSubreddits }, (_, s) =>
    Math.log(1 - Math.exp(-(rowPtr[s + 1] - rowPtr[s]) * perUser) * missedByDraw),
  );
}

/** Whether so many are drawn that it is cheaper to take all: the loss is a full softmax then. */
function drawsAll(numCandidates: number, numSubreddits: number): boolean {
  return numCandidates * 2 >= numSubreddits;
}

/** A copy of twice the length. */
function grown(array: Uint32Array): Uint32Array {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}

/** Ids of the edges of a block that was sampled from subreddits to users [E]. */
export function edgesOfBlock(
  { userToSubreddit, subredditToUser }: BipartiteGraph,
  subreddits: ArrayLike<number>,
  { rowPtr, edgeIds }: Pick<SampledBlock, 'rowPtr' | 'edgeIds'>,
): Uint32Array {
  const edges = new Uint32Array(edgeIds.length);
  for (let i = 0; i < subreddits.length; i++)
    for (let at = rowPtr[i]; at < rowPtr[i + 1]; at++)
      edges[at] = edgeIdOf(userToSubreddit, subredditToUser.colIndex[edgeIds[at]], subreddits[i]);
  return edges;
}
