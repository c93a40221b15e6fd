import * as embeddingBag from './embedding-bag/numeric.js';
import * as gatV2Attention from './gatv2-attention/numeric.js';
import type { HostEngine } from './host-kernel.js';
import * as infoNce from './info-nce/numeric.js';
import * as nativeMatMul from './mat-mul/native.js';
import * as matMul from './mat-mul/numeric.js';
import * as rowAdam from './row-adam/numeric.js';

/** The arithmetic of every op on typed arrays. `numeric.ts` of an op defines its meaning; other cores do the same faster. */
export type Cores = typeof REFERENCE;

const REFERENCE = { ...embeddingBag, ...gatV2Attention, ...infoNce, ...matMul, ...rowAdam };

const CORES: Readonly<Record<HostEngine, Cores>> = {
  reference: REFERENCE,
  native: { ...REFERENCE, ...nativeMatMul },
};

export function coresOf(engine: HostEngine): Cores {
  return CORES[engine];
}
