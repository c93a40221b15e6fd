import type { Cores } from '../cores.js';
import { type HostEngine, hostKernel, type KernelCall } from '../host-kernel.js';
import type { Bags } from './numeric.js';
import { EMBEDDING_BAG, EMBEDDING_BAG_GRAD } from './op.js';

export const embeddingBagKernels = (engine: HostEngine, core: Cores) => [
  hostKernel(engine, EMBEDDING_BAG, (call) => {
    const bags = bagsOf(call);
    const [, dim] = call.shape('x');
    const out = call.output([bags.rowPtr.length - 1, dim]);
    core.embeddingBag(call.float32('x'), bags, dim, out.values);
    return out.info;
  }),
  hostKernel(engine, EMBEDDING_BAG_GRAD, (call) => {
    const [, dim] = call.shape('dOut');
    const dX = call.output([call.attribute('numRows'), dim]);
    core.embeddingBagGrad(call.float32('dOut'), bagsOf(call), dim, dX.values);
    return dX.info;
  }),
];

function bagsOf(call: KernelCall): Bags {
  const weights = call.float32('weights');
  return {
    rowPtr: call.int32('rowPtr'),
    colIndex: call.int32('colIndex'),
    weights: weights.length === 0 ? null : weights, // no edges: either reading gives zeros
  };
}
