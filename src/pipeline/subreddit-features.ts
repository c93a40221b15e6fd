import { readTable } from '../artifacts/arrow.js';
import type { Accounting } from '../artifacts/manifest.js';
import { GRAPH_SUBREDDITS } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import type { SubredditFeatures } from '../training/subreddit-text.js';
import { textVectors } from '../training/text-vectors.js';
import { readVectorTable } from '../vision/vector-table.js';
import type { RunConfig } from './config.js';
import { readSubredditInfo } from './subreddit-info.js';

/** Dimensions that texts are reduced to. */
const TEXT_DIM = 64;

export interface KnownFeatures {
  readonly features: SubredditFeatures;
  readonly accounting: Accounting; // of the subreddits: those without any are dropped from nothing but this count
}

/**
 * What the settings say about subreddits beside who visits them: vectors from a file, or words of their names, topics and
 * descriptions. Undefined where they ask for neither.
 *
 * @param built folder of the stage build-graph
 */
export async function subredditFeatures(
  { subredditVectors, textFeatures, subredditInfo }: RunConfig,
  built: string,
  random: Random,
): Promise<KnownFeatures | undefined> {
  if (subredditVectors === undefined && !textFeatures) return undefined;
  const { name: names } = await readTable(built, GRAPH_SUBREDDITS);
  const features =
    subredditVectors === undefined
      ? await fromTexts(names, subredditInfo, random)
      : await fromTable(names, subredditVectors);
  const { vectors, dim } = features;
  let kept = 0;
  for (let s = 0; s < names.length; s++) if (vectors.subarray(s * dim, (s + 1) * dim).some((x) => x !== 0)) kept++;
  const accounting = {
    unit: 'subreddits',
    read: names.length,
    kept,
    dropped: { 'without-features': names.length - kept },
  };
  return { features, accounting };
}

async function fromTexts(
  names: readonly string[],
  path: string | undefined,
  random: Random,
): Promise<SubredditFeatures> {
  const info = path === undefined ? undefined : await readSubredditInfo(path);
  const texts = names.map((name) => {
    const { topic = '', description = '' } = info?.get(name.toLowerCase()) ?? {};
    return `${wordsOfName(name)} ${topic} ${description}`;
  });
  return { vectors: textVectors(texts, TEXT_DIM, random), dim: TEXT_DIM };
}

async function fromTable(names: readonly string[], path: string): Promise<SubredditFeatures> {
  const { ids, values, dim } = await readVectorTable(path);
  const rowOf = new Map(
    ids.map((id, row) => [
      id
        .trim()
        .replace(/^\/?r\//i, '')
        .toLowerCase(),
      row,
    ]),
  );
  const vectors = new Float32Array(names.length * dim);
  let known = 0;
  names.forEach((name, s) => {
    const row = rowOf.get(name.toLowerCase());
    if (row === undefined) return;
    known++;
    const vector = values.subarray(row * dim, (row + 1) * dim);
    const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    if (length > 0) for (let d = 0; d < dim; d++) vectors[s * dim + d] = vector[d] / length;
  });
  if (known === 0)
    throw new InputError(
      'ERR_SUBREDDIT_VECTORS',
      `${path}: none of its ${ids.length} ids is the name of one of the ${names.length} subreddits of the graph. Expected names, with or without r/.`,
      { path, rows: ids.length },
    );
  return { vectors, dim };
}

/** AskWomen_Over30 → Ask Women Over 30 */
function wordsOfName(name: string): string {
  return name.replace(/_/g, ' ').replace(/(\p{Ll})(\p{Lu})|(\p{L})(\p{N})|(\p{N})(\p{L})/gu, '$1$3$5 $2$4$6');
}
