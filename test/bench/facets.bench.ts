/**
 * Do facets know more of a person than one vector does? Ranks the links that training hid to validate on, by the vector of
 * the user, by its best facet, by the mixture of the facets and by the even mixture of both; for several similarities down
 * to which groups of subreddits are one facet.
 *
 *     RUN=<folder of a run with its stage train> USERS=1000 npm run bench -- facets
 */
import { loadGraph } from '../../src/artifacts/load-graph.js';
import { type Manifest, readManifest } from '../../src/artifacts/manifest.js';
import { splitFacets } from '../../src/clustering/facets.js';
import { centerAndNormalize } from '../../src/clustering/k-means.js';
import { Random } from '../../src/core/random.js';
import { keepEdges, rowsOf } from '../../src/evaluation/links/protocols.js';
import { createBipartite } from '../../src/graph/bipartite.js';
import { useEngine } from '../../src/kernels/register.js';
import { loadModel } from '../../src/pipeline/embed.js';
import { encodeAllSubreddits, encodeUsers } from '../../src/training/inference.js';
import { RankingMeter } from '../../src/training/ranking.js';
import { holdOut } from '../../src/training/split.js';

const SIMILARITIES = [0.05, 0.1, 0.15, 0.2, 0.3, 0.4];
const MAX_FACETS = 3;
const METHODS = ['user', 'best facet', 'facets', 'user and facets'] as const;

const { RUN: run, USERS: wanted = '1000' } = process.env;
if (!run) {
  console.log('skipped: RUN names no run');
  process.exit(0);
}
const manifestOf = async (stage: string) => (await readManifest(`${run}/${stage}`)) as Manifest;
await useEngine('native').catch(() => useEngine('reference'));
const graph = await loadGraph(`${run}/build-graph`, await manifestOf('build-graph'));
const trained = await manifestOf('train');
const { encoder, inTable, outTable } = await loadModel(`${run}/train`, trained, graph.edgeFeatures.numFeatures);
const { dim } = encoder.config;
const numSubreddits = graph.userToSubreddit.numCols;

// the split of the stage train, from its seed
const { validationUsers } = trained.config as { validationUsers: number };
const draws = new Random(trained.seed).fork('train').fork('validation').fork('holdout');
const holdout = holdOut(graph.userToSubreddit, validationUsers, draws);
const isHidden = new Set(holdout.edges);
const visible = keepEdges(graph, (e) => !isHidden.has(e));
const states = encodeAllSubreddits(visible, encoder, inTable, 16, new Random(1));
const directions = outTable.slice();
centerAndNormalize(directions, numSubreddits, dim);

/** Softmax over all subreddits of the scores of a vector. */
function probabilities(vector: Float32Array): Float64Array {
  const scores = new Float64Array(numSubreddits);
  for (let s = 0; s < numSubreddits; s++) for (let d = 0; d < dim; d++) scores[s] += vector[d] * outTable[s * dim + d];
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  for (let s = 0; s < numSubreddits; s++) total += scores[s] = Math.exp(scores[s] - most);
  return scores.map((value) => value / total);
}

const users = holdout.users.subarray(0, Number(wanted));
const meters = SIMILARITIES.map(() => METHODS.map(() => new RankingMeter()));
const numFacets = SIMILARITIES.map(() => new Array<number>(MAX_FACETS).fill(0));
for (const encoded of encodeUsers(visible, encoder, inTable, states, users))
  encoded.users.forEach((user, b) => {
    const begin = visible.userToSubreddit.rowPtr[user];
    const known = visible.userToSubreddit.colIndex.subarray(begin, visible.userToSubreddit.rowPtr[user + 1]);
    const { rowPtr, colIndex } = graph.userToSubreddit;
    const hidden = colIndex.subarray(rowPtr[user], rowPtr[user + 1]).filter((_, i) => isHidden.has(rowPtr[user] + i));
    const attention = encoded.attention.subarray(encoded.rowPtr[b], encoded.rowPtr[b + 1]);
    const whole = probabilities(encoded.vectors.subarray(b * dim, (b + 1) * dim));
    SIMILARITIES.forEach((minSimilarity, n) => {
      const facetOf = splitFacets(known, directions, dim, attention, { maxFacets: MAX_FACETS, minSimilarity });
      const count = 1 + Math.max(...facetOf);
      numFacets[n][count - 1]++;
      const mixture = new Float64Array(numSubreddits);
      const best = new Float64Array(numSubreddits);
      for (let f = 0; f < count; f++) {
        const { links, edgeFeatures } = rowsOf(visible, [user], (e) => facetOf[e - begin] === f);
        const side = createBipartite(links, edgeFeatures);
        const [{ vectors }] = encodeUsers(side, encoder, inTable, states, Uint32Array.of(0));
        const weight = attention.reduce((sum, value, i) => sum + (facetOf[i] === f ? value : 0), 0);
        probabilities(vectors).forEach((value, s) => {
          mixture[s] += weight * value;
          best[s] = Math.max(best[s], value);
        });
      }
      const scores = [whole, best, mixture, mixture.map((value, s) => (value + whole[s]) / 2)];
      scores.forEach((row, m) => {
        meters[n][m].add(Float32Array.from(row, Math.log), known, hidden);
      });
    });
  });

console.log(`${users.length} users; recall@20 / NDCG@20\n`);
console.log(`| similarity | users with 1, 2, 3 facets | ${METHODS.join(' | ')} |`);
console.log(`| --- | --- |${' --- |'.repeat(METHODS.length)}`);
SIMILARITIES.forEach((similarity, n) => {
  const cells = meters[n].map((meter) => meter.result());
  const shown = cells.map(({ recallAt20, ndcgAt20 }) => `${recallAt20.toFixed(4)} / ${ndcgAt20.toFixed(4)}`);
  console.log(`| ${similarity} | ${numFacets[n].join(', ')} | ${shown.join(' | ')} |`);
});
