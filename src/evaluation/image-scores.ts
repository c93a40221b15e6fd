import { InputError } from '../core/errors.js';
import type { VectorSet } from './cmmd.js';

/** Rows of unit length that can be asked for by id: a name, or a file whose bare name is one. */
export class VectorIndex {
  private readonly rowOf: ReadonlyMap<string, number>;

  constructor(
    ids: readonly string[],
    private readonly set: VectorSet, // unit rows
  ) {
    this.rowOf = new Map(ids.map((id, i) => [id, i]));
  }

  get dim(): number {
    return this.set.dim;
  }

  get(id: string): Float32Array | undefined {
    const row = this.rowOf.get(id) ?? this.rowOf.get(id.replace(/^.*[/\\]/, '').replace(/\.[^.]+$/, ''));
    return row === undefined ? undefined : this.set.values.subarray(row * this.dim, (row + 1) * this.dim);
  }
}

/** An image, what it was drawn for, and what it may be compared with. */
export interface ImageItem {
  readonly id: string; // of its vector
  readonly textId: string; // vector of the text it is scored against
  readonly referenceId?: string | undefined; // vector of an image that the person made or chose
}

export interface ImageScore {
  readonly clipScore: number; // max(0, weight · cos)
  readonly imageAlignment: number | undefined; // cosine with the reference, [−1, 1]
}

/**
 * CLIPScore (Hessel et al. 2021): max(0, w · cos(image, text)). Published figures come with w = 2.5 and with w = 1; images of
 * CLIP's own scale stay below 1 with the latter. Undefined where a vector is missing, which the caller counts.
 */
export function imageScore(
  item: ImageItem,
  images: VectorIndex,
  texts: VectorIndex,
  weight: number,
  references = images,
): ImageScore | undefined {
  const image = images.get(item.id);
  const text = texts.get(item.textId);
  const reference = item.referenceId === undefined ? undefined : references.get(item.referenceId);
  if (!image || !text || (item.referenceId !== undefined && !reference)) return undefined;
  if (image.length !== text.length)
    throw new InputError(
      'ERR_VECTORS',
      `Images have ${image.length} dimensions and texts ${text.length}: they are not of one model.`,
      { image: image.length, text: text.length },
    );
  return {
    clipScore: Math.max(0, weight * dot(image, text)),
    imageAlignment: reference && dot(image, reference),
  };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d] * b[d];
  return sum;
}
