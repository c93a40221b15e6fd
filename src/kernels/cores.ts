import * as nativeEmbeddingBag from './embedding-bag/native.js';
import * as embeddingBag from './embedding-bag/numeric.js';
import * as nativeGatV2Attention from './gatv2-attention/native.js';
import * as gatV2Attention from './gatv2-attention/numeric.js';
import type { HostEngine } from './host-kernel.js';
import * as nativeInfoNce from './info-nce/native.js';
import * as infoNce from './info-nce/numeric.js';
import * as nativeMatMul from './mat-mul/native.js';
import * as matMul from './mat-mul/numeric.js';
import * as nativeNearestCentroid from './nearest-centroid/native.js';
import * as nearestCentroid from './nearest-centroid/numeric.js';
import * as nativeRowAdam from './row-adam/native.js';
import * as rowAdam from './row-adam/numeric.js';

/** The arithmetic of every op on typed arrays. `numeric.ts` of an op defines its meaning; other cores do the same faster. */
export type Cores = typeof REFERENCE;

const REFERENCE = { ...embeddingBag, ...gatV2Attention, ...infoNce, ...matMul, ...nearestCentroid, ...rowAdam };

const CORES: Readonly<Record<HostEngine, Cores>> = {
  reference: REFERENCE,
  native: {
    ...nativeEmbeddingBag,
    ...nativeGatV2Attention,
    ...nativeInfoNce,
    ...nativeMatMul,
    ...nativeNearestCentroid,
    ...nativeRowAdam,
  },
};

export function coresOf(engine: HostEngine): Cores {
  return CORES[engine];
}
