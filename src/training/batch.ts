import type { Random } from '../core/random.js';
import { type BipartiteGraph, edgeIdOf, gatherFeatures } from '../graph/bipartite.js';
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
  readonly fanout: readonly [perUser: number, perSubreddit: number];
  readonly numCandidates: number; // drawn in addition to the positives
  readonly batchUsers: number;
}

/** Share of a user's links that a step hides, drawn anew each time. */
const HIDE_MIN = 0.1;
const HIDE_MAX = 0.7;
/** Positives of one user in one step: bounds the work that very active users cause. */
const MAX_POSITIVES = 64;

/** Tables that samplers reuse from batch to batch. */
export class BatchSampler {
  private readonly subreddits: Relabeler;
  private readonly users: Relabeler;
  private readonly candidateOf: Int32Array; // [S] position among the candidates + 1, 0 = none
  private readonly hidden: Uint8Array; // [E] edges hidden in this batch

  constructor(
    private readonly graph: BipartiteGraph,
    private readonly options: BatchOptions,
  ) {
    const { numRows, numCols, colIndex } = graph.userToSubreddit;
    this.subreddits = new Relabeler(numCols);
    this.users = new Relabeler(numRows);
    this.candidateOf = new Int32Array(numCols);
    this.hidden = new Uint8Array(colIndex.length);
  }

  /**
   * Hides a random part of each user's links, and returns what is needed to predict exactly those from the rest. A
   * hidden edge carries no message in either direction.
   *
   * @param seeds users, each with at least two links
   */
  sampleTraining(seeds: Uint32Array, random: Random): TrainingBatch {
    const { userToSubreddit } = this.graph;
    const positives: number[][] = [];
    const degree = new Float32Array(seeds.length);
    for (let b = 0; b < seeds.length; b++) {
      const begin = userToSubreddit.rowPtr[seeds[b]];
      const count = userToSubreddit.rowPtr[seeds[b] + 1] - begin;
      const share = HIDE_MIN + (HIDE_MAX - HIDE_MIN) * random.float();
      const numHidden = Math.min(count - 1, Math.max(1, Math.round(share * count)));
      const order = random.shuffle(Array.from({ length: count }, (_, i) => begin + i));
      const edges = order.slice(0, numHidden);
      for (const e of edges) this.hidden[e] = 1;
      positives.push(edges.slice(0, MAX_POSITIVES).map((e) => userToSubreddit.colIndex[e]));
      degree[b] = count - numHidden;
    }
    const input = this.sampleInput(seeds, degree, random);
    const targets = this.sampleTargets(seeds, positives, random);
    for (const u of seeds) this.hidden.fill(0, userToSubreddit.rowPtr[u], userToSubreddit.rowPtr[u + 1]);
    return { input, ...targets };
  }

  /** Blocks for encoding users from those of their links that are not hidden. */
  private sampleInput(seeds: Uint32Array, degree: Float32Array, random: Random): EncoderInput {
    const { userToSubreddit, subredditToUser, edgeFeatures } = this.graph;
    const [perUser, perSubreddit] = this.options.fanout;
    const isHidden = (e: number) => this.hidden[e] === 1;

    const outer = sampleNeighbors(userToSubreddit, seeds, perUser, random, this.subreddits, isHidden);
    const inner = sampleNeighbors(subredditToUser, outer.nodeIds, perSubreddit, random, this.users, (e, s) =>
      isHidden(edgeIdOf(userToSubreddit, subredditToUser.colIndex[e], s)),
    );
    // the same table goes on, so that the users' own subreddits stay the first rows
    const hop = sampleNeighbors(userToSubreddit, inner.nodeIds, perUser, random, this.subreddits, isHidden, true);

    return {
      rows: hop.nodeIds,
      numStates: outer.nodeIds.length,
      hopUsers: { rowPtr: hop.rowPtr, colIndex: hop.colIndex },
      toSubreddits: {
        ...inner,
        edgeFeatures: gatherFeatures(edgeFeatures, edgesOfBlock(this.graph, outer.nodeIds, inner)),
      },
      toUsers: { ...outer, edgeFeatures: gatherFeatures(edgeFeatures, outer.edgeIds) },
      degree,
    };
  }

  /**
   * Candidates: every positive of the batch and a uniform draw beside them; all subreddits where the draw would be half
   * of them anyway, which makes the loss a full softmax.
   */
  private sampleTargets(
    seeds: Uint32Array,
    positives: readonly number[][],
    random: Random,
  ): Omit<TrainingBatch, 'input'> {
    const { userToSubreddit, subredditToUser } = this.graph;
    const numSubreddits = userToSubreddit.numCols;
    const { numCandidates } = this.options;
    const drawsAll = numCandidates * 2 >= numSubreddits;
    const ids: number[] = [];
    const take = (s: number) => {
      if (this.candidateOf[s] !== 0) return;
      ids.push(s);
      this.candidateOf[s] = ids.length;
    };
    if (drawsAll) for (let s = 0; s < numSubreddits; s++) take(s);
    for (const row of positives) for (const s of row) take(s);
    if (!drawsAll) for (let i = 0; i < numCandidates; i++) take(random.below(numSubreddits));

    const posPtr = new Int32Array(seeds.length + 1);
    const maskPtr = new Int32Array(seeds.length + 1);
    const posIndex: number[] = [];
    const maskIndex: number[] = [];
    for (let b = 0; b < seeds.length; b++) {
      for (const s of positives[b]) posIndex.push(this.candidateOf[s] - 1);
      for (let e = userToSubreddit.rowPtr[seeds[b]]; e < userToSubreddit.rowPtr[seeds[b] + 1]; e++) {
        const candidate = this.candidateOf[userToSubreddit.colIndex[e]];
        if (candidate !== 0) maskIndex.push(candidate - 1); // positives among them are not masked by the loss
      }
      posPtr[b + 1] = posIndex.length;
      maskPtr[b + 1] = maskIndex.length;
    }

    // A subreddit with n users is hidden about λ = n · (batch / users) · (mean share hidden) times in a batch, so it is
    // missed among the positives with probability e^−λ, and by the uniform draw with (1 − 1/S)^numCandidates.
    const meanShare = (HIDE_MIN + HIDE_MAX) / 2;
    const perUser = (this.options.batchUsers / userToSubreddit.numRows) * meanShare;
    const missedByDraw = drawsAll ? 0 : (1 - 1 / numSubreddits) ** numCandidates;
    const logQ = Float32Array.from(ids, (s) => {
      const numUsers = subredditToUser.rowPtr[s + 1] - subredditToUser.rowPtr[s];
      return Math.log(1 - Math.exp(-numUsers * perUser) * missedByDraw);
    });
    for (const s of ids) this.candidateOf[s] = 0;
    return {
      candidates: Int32Array.from(ids),
      posPtr,
      posIndex: Int32Array.from(posIndex),
      maskPtr,
      maskIndex: Int32Array.from(maskIndex),
      logQ,
    };
  }
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
