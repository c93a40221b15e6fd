export interface FacetOptions {
  readonly maxFacets: number; // ≥ 1
  readonly minSimilarity?: number; // mean cosine down to which two groups are one, default 0.2
}

/** Items that are compared with each other, the heaviest; the others join the nearest group. Bounds the work. */
const MAX_COMPARED = 64;
/** What a group must have to be a side of its own: two items, and this share of the weight. */
const MIN_ITEMS = 2;
const MIN_WEIGHT = 0.1;

/**
 * Splits the items of one user into facets, after PinnerSage (Pal et al., KDD 2020): agglomerative clustering of the
 * user's own items, here by mean cosine between groups, until no two groups are alike. Groups that are too small or too
 * light to be a side of a person join the nearest that is not. Depends on the items alone, not on their order.
 *
 * Shapes: N items, D dimensions.
 *
 * @param rows    which rows of `vectors` the items are [N]
 * @param vectors float32 [·, D], unit rows or zero
 * @param weights [N], ≥ 0: the attention an item gets
 * @returns uint32 [N]: facet of each item, from 0, the heaviest first; all 0 for a user of one taste, or of one item
 */
export function splitFacets(
  rows: ArrayLike<number>,
  vectors: Float32Array,
  dim: number,
  weights: ArrayLike<number>,
  { maxFacets, minSimilarity = 0.2 }: FacetOptions,
): Uint32Array {
  const numItems = rows.length;
  const facetOf = new Uint32Array(numItems);
  if (maxFacets < 2 || numItems < 2 * MIN_ITEMS) return facetOf;
  const byWeight = [...facetOf.keys()].sort((i, j) => weights[j] - weights[i] || rows[i] - rows[j]);
  const compared = byWeight.slice(0, MAX_COMPARED);
  const total = compared.reduce((sum, i) => sum + weights[i], 0);
  const groups = agglomerate(compared, rows, vectors, dim, minSimilarity);
  const weightOf = (group: Group) => group.items.reduce((sum, i) => sum + weights[i], 0);
  const kept = groups
    .filter((group) => group.items.length >= MIN_ITEMS && weightOf(group) >= MIN_WEIGHT * total)
    .sort((a, b) => weightOf(b) - weightOf(a) || rows[a.items[0]] - rows[b.items[0]])
    .slice(0, maxFacets);
  if (kept.length < 2) return facetOf;
  for (const i of byWeight) facetOf[i] = nearest(kept, vectors, rows[i], dim);
  for (const [f, { items }] of kept.entries()) for (const i of items) facetOf[i] = f;
  return byTotalWeight(facetOf, weights, kept.length);
}

interface Group {
  readonly items: number[]; // positions, heaviest first
  readonly sum: Float64Array; // [D] of the unit vectors of its items
}

/** Merges the two groups with the highest mean cosine between their items while that is at least `minSimilarity`. */
function agglomerate(
  items: readonly number[],
  rows: ArrayLike<number>,
  vectors: Float32Array,
  dim: number,
  minSimilarity: number,
): Group[] {
  let groups: Group[] = items.map((i) => ({
    items: [i],
    sum: Float64Array.from(vectors.subarray(rows[i] * dim, (rows[i] + 1) * dim)),
  }));
  const similarity: number[][] = groups.map((a, i) => groups.slice(0, i).map((b) => meanCosine(a, b)));
  for (;;) {
    let best = minSimilarity;
    let pair: [number, number] | undefined;
    for (let i = 0; i < groups.length; i++)
      for (let j = 0; j < i; j++) if (similarity[i][j] > best) [best, pair] = [similarity[i][j], [i, j]];
    if (!pair) return groups;
    const [i, j] = pair; // j < i
    const merged: Group = {
      items: [...groups[j].items, ...groups[i].items],
      sum: groups[j].sum.map((value, d) => value + groups[i].sum[d]),
    };
    groups[j] = merged;
    groups = groups.filter((_, g) => g !== i);
    similarity.splice(i, 1);
    for (const row of similarity.slice(i)) row.splice(i, 1);
    similarity[j] = groups.slice(0, j).map((group) => meanCosine(merged, group));
    for (let g = j + 1; g < groups.length; g++) similarity[g][j] = meanCosine(merged, groups[g]);
  }
}

function meanCosine(a: Group, b: Group): number {
  let sum = 0;
  for (let d = 0; d < a.sum.length; d++) sum += a.sum[d] * b.sum[d];
  return sum / (a.items.length * b.items.length);
}

function nearest(groups: readonly Group[], vectors: Float32Array, row: number, dim: number): number {
  let best = 0;
  let most = -Infinity;
  groups.forEach(({ items, sum }, g) => {
    let cosine = 0;
    for (let d = 0; d < dim; d++) cosine += sum[d] * vectors[row * dim + d];
    if (cosine / items.length > most) [most, best] = [cosine / items.length, g];
  });
  return best;
}

/** Numbers facets anew, the heaviest 0: what joined may have changed their order. */
function byTotalWeight(facetOf: Uint32Array, weights: ArrayLike<number>, numFacets: number): Uint32Array {
  const total = new Float64Array(numFacets);
  facetOf.forEach((facet, i) => {
    total[facet] += weights[i];
  });
  const order = [...total.keys()].sort((a, b) => total[b] - total[a] || a - b);
  const rank = new Uint32Array(numFacets);
  order.forEach((facet, r) => {
    rank[facet] = r;
  });
  return facetOf.map((facet) => rank[facet]);
}
