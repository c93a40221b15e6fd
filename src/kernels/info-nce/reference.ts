import { type KernelCall, referenceKernel } from '../reference-kernel.js';
import { type InfoNceInputs, infoNce, infoNceGrad } from './numeric.js';
import { INFO_NCE, INFO_NCE_GRAD } from './op.js';

export const infoNceReference = [
  referenceKernel(INFO_NCE, (call) => {
    const [numUsers] = call.shape('y');
    const logSumExp = new Float32Array(numUsers);
    const loss = infoNce(inputsOf(call), logSumExp);
    return [call.output([], Float32Array.of(loss)), call.output([numUsers], logSumExp)];
  }),
  referenceKernel(INFO_NCE_GRAD, (call) => {
    const [dLoss] = call.float32('dLoss');
    const { dY, dC } = infoNceGrad(inputsOf(call), call.float32('logSumExp'), dLoss);
    return [call.output(call.shape('y'), dY), call.output(call.shape('c'), dC)];
  }),
];

function inputsOf(call: KernelCall): InfoNceInputs {
  return {
    dim: call.shape('y')[1],
    temperature: call.attribute('temperature'),
    y: call.float32('y'),
    c: call.float32('c'),
    posPtr: call.int32('posPtr'),
    posIndex: call.int32('posIndex'),
    maskPtr: call.int32('maskPtr'),
    maskIndex: call.int32('maskIndex'),
    logQ: call.float32('logQ'),
  };
}
