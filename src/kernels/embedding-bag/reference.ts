import { type KernelCall, referenceKernel } from '../reference-kernel.js';
import { type Bags, embeddingBag, embeddingBagGrad } from './numeric.js';
import { EMBEDDING_BAG, EMBEDDING_BAG_GRAD } from './op.js';

export const embeddingBagReference = [
  referenceKernel(EMBEDDING_BAG, (call) => {
    const bags = bagsOf(call);
    const numBags = bags.rowPtr.length - 1;
    const [, dim] = call.shape('x');
    const out = new Float32Array(numBags * dim);
    embeddingBag(call.float32('x'), bags, dim, out);
    return call.output([numBags, dim], out);
  }),
  referenceKernel(EMBEDDING_BAG_GRAD, (call) => {
    const [, dim] = call.shape('dOut');
    const numRows = call.attribute('numRows');
    return call.output([numRows, dim], embeddingBagGrad(call.float32('dOut'), bagsOf(call), dim, numRows));
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
