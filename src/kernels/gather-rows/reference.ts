import { referenceKernel } from '../reference-kernel.js';
import { gatherRows, gatherRowsGrad } from './numeric.js';
import { GATHER_ROWS, GATHER_ROWS_GRAD } from './op.js';

export const gatherRowsReference = [
  referenceKernel(GATHER_ROWS, (call) => {
    const [numRows] = call.shape('index');
    const [, dim] = call.shape('x');
    const out = new Float32Array(numRows * dim);
    gatherRows(call.float32('x'), call.int32('index'), dim, out);
    return call.output([numRows, dim], out);
  }),
  referenceKernel(GATHER_ROWS_GRAD, (call) => {
    const [, dim] = call.shape('dOut');
    const numRows = call.attribute('numRows');
    return call.output([numRows, dim], gatherRowsGrad(call.float32('dOut'), call.int32('index'), dim, numRows));
  }),
];
