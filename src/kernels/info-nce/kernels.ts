import type { Cores } from '../cores.js';
import { type HostEngine, hostKernel, type KernelCall } from '../host-kernel.js';
import type { InfoNceInputs } from './numeric.js';
import { INFO_NCE } from './op.js';

export const infoNceKernels = (engine: HostEngine, core: Cores) => [
  hostKernel(engine, INFO_NCE, (call) => {
    const loss = call.output([]);
    const dY = call.output(call.shape('y'));
    const dC = call.output(call.shape('c'));
    loss.values[0] = core.infoNce(inputsOf(call), dY.values, dC.values);
    return [loss.info, dY.info, dC.info];
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
