import { readTable } from '../artifacts/arrow.js';
import type { Accounting } from '../artifacts/manifest.js';
import { GRAPH_USERS, INGESTED_USERS } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import { sipHash24 } from '../core/siphash.js';
import type { UserImages } from '../training/image-align.js';
import { readVectorRows } from '../vision/vector-table.js';
import { personOf } from './forget.js';

/** What became of a row of the table. */
const DROP_REASONS = ['no-user', 'unknown-user', 'wrong-dimension', 'not-finite', 'zero-vector'] as const;
type DropReason = (typeof DROP_REASONS)[number];

/** A table with both says who posted what; one without a user has the user for its id. */
const USER_COLUMNS = ['user', 'author', 'id'];

export interface PooledImages {
  readonly images: UserImages;
  readonly mean: Float32Array; // [K] taken off every user before it was brought to unit length again
  readonly users: number; // with images
  readonly accounting: Accounting;
}

/**
 * Reads vectors of posted images, `(user, vector)` with any number of rows per user, and pools them per user: the mean of
 * unit vectors, what all users have in common taken off, brought to unit length.
 *
 * A user is a name, hashed under the key of the run as ingest did, or a pseudonym of 16 hex digits. Ids of posts are not
 * understood: ingest keeps none.
 *
 * @param pseudonyms of the users of the graph [N], ascending
 */
export async function poolImages(path: string, pseudonyms: BigUint64Array, key: Uint32Array): Promise<PooledImages> {
  const rowOf = new Int32Array(pseudonyms.length).fill(-1);
  const dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;
  let sums = new Float32Array(0); // [I, K], grown as users turn up
  let dim = 0;
  let numUsers = 0;
  let read = 0;
  let kept = 0;
  const take = (id: string | null, vector: ArrayLike<number> | null): DropReason | undefined => {
    if (id === null || id.trim() === '') return 'no-user';
    const user = userOf(id, pseudonyms, key);
    if (user < 0) return 'unknown-user';
    if (vector === null || vector.length === 0 || (dim > 0 && vector.length !== dim)) return 'wrong-dimension';
    const length = lengthOf(vector);
    if (!Number.isFinite(length)) return 'not-finite';
    if (length === 0) return 'zero-vector';
    dim = vector.length;
    if (rowOf[user] < 0) rowOf[user] = numUsers++;
    while (sums.length < numUsers * dim) sums = grown(sums, 4096 * dim);
    const at = rowOf[user] * dim;
    for (let d = 0; d < dim; d++) sums[at + d] += vector[d] / length;
    return undefined;
  };
  for await (const { ids, vectors } of readVectorRows(path, USER_COLUMNS))
    for (let i = 0; i < ids.length; i++) {
      read++;
      const reason = take(ids[i], vectors[i]);
      if (reason === undefined) kept++;
      else dropped[reason]++;
    }
  if (numUsers < 2)
    throw new InputError(
      'ERR_IMAGES',
      `${path}: of ${read} image vectors, those of ${numUsers} people of the graph can be used (${countsOf(dropped)}). Expected user names as in the input, or their pseudonyms in 16 hex digits; is it the right --key-file?`,
      { path, read, kept, dropped },
    );
  const mean = bringToUnitLength(sums, numUsers, dim);
  const vectors = sums.slice(0, numUsers * dim);
  return {
    images: { rowOf, vectors, dim },
    mean,
    users: numUsers,
    accounting: { unit: 'image vectors', read, kept, dropped },
  };
}

/** Pseudonyms of the users of the graph of a run [N], ascending. */
export async function graphPseudonyms(ingested: string, built: string): Promise<BigUint64Array> {
  const { pseudonym } = await readTable(ingested, INGESTED_USERS);
  const { ingested_user } = await readTable(built, GRAPH_USERS);
  return BigUint64Array.from(ingested_user, (id) => pseudonym[id]);
}

/** Position of a person among the pseudonyms, −1 = not there. Dumps hash names in lower case, tables as they are. */
function userOf(id: string, pseudonyms: BigUint64Array, key: Uint32Array): number {
  const found = positionOf(pseudonyms, personOf(id, key).pseudonym);
  if (found >= 0 || id === id.toLowerCase()) return found;
  const hash = new Uint32Array(2);
  const bytes = Buffer.from(id);
  sipHash24(key, bytes, 0, bytes.length, hash);
  return positionOf(pseudonyms, (BigInt(hash[1]) << 32n) | BigInt(hash[0]));
}

function positionOf(ascending: BigUint64Array, value: bigint): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low < ascending.length && ascending[low] === value ? low : -1;
}

/** Divided by the largest part first, so that squares neither overflow nor vanish. NaN or ∞ where a part is. */
function lengthOf(vector: ArrayLike<number>): number {
  let largest = 0;
  for (let d = 0; d < vector.length; d++) {
    if (!Number.isFinite(vector[d])) return Number.NaN;
    largest = Math.max(largest, Math.abs(vector[d]));
  }
  if (largest === 0) return 0;
  let squares = 0;
  for (let d = 0; d < vector.length; d++) squares += (vector[d] / largest) ** 2;
  return largest * Math.sqrt(squares);
}

/** Pools in place: to unit length, less the mean, to unit length. Opposite pictures, which cancel out, stay zero. */
function bringToUnitLength(rows: Float32Array, numRows: number, dim: number): Float32Array {
  const total = new Float64Array(dim);
  const scale = () => {
    for (let i = 0; i < numRows; i++) {
      const row = rows.subarray(i * dim, (i + 1) * dim);
      const length = lengthOf(row);
      if (length > 0) for (let d = 0; d < dim; d++) row[d] /= length;
    }
  };
  scale();
  for (let i = 0; i < numRows; i++) for (let d = 0; d < dim; d++) total[d] += rows[i * dim + d];
  const mean = Float32Array.from(total, (sum) => sum / numRows);
  for (let i = 0; i < numRows; i++) for (let d = 0; d < dim; d++) rows[i * dim + d] -= mean[d];
  scale();
  return mean;
}

function grown(values: Float32Array, atLeast: number): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(Math.max(atLeast, 2 * values.length));
  larger.set(values);
  return larger;
}

function countsOf(dropped: Readonly<Record<DropReason, number>>): string {
  const counts = DROP_REASONS.filter((reason) => dropped[reason] > 0).map((reason) => `${reason} ${dropped[reason]}`);
  return counts.length > 0 ? `dropped: ${counts.join(', ')}` : 'none dropped';
}
