import type { Cores } from '../cores.js';
import { type HostEngine, hostKernel, type KernelCall } from '../host-kernel.js';
import type { GatV2Inputs, GatV2Shape } from './numeric.js';
import { GATV2_ATTENTION, GATV2_ATTENTION_GRAD } from './op.js';

export const gatV2AttentionKernels = (engine: HostEngine, core: Cores) => [
  hostKernel(engine, GATV2_ATTENTION, (call) => {
    const shape = shapeOf(call);
    const inputs = inputsOf(call);
    const out = call.output(call.shape('t'));
    const attention = call.output([inputs.colIndex.length, shape.numHeads]);
    core.gatV2Attention(shape, inputs, out.values, attention.values);
    return [out.info, attention.info];
  }),
  hostKernel(engine, GATV2_ATTENTION_GRAD, (call) => {
    const dZ = call.output(call.shape('z'));
    const dT = call.output(call.shape('t'));
    const dEdgeWeight = call.output(call.shape('edgeWeight'));
    const dAttn = call.output(call.shape('attn'));
    core.gatV2AttentionGrad(shapeOf(call), inputsOf(call), call.float32('attention'), call.float32('dOut'), {
      dZ: dZ.values,
      dT: dT.values,
      dEdgeWeight: dEdgeWeight.values,
      dAttn: dAttn.values,
    });
    return [dZ.info, dT.info, dEdgeWeight.info, dAttn.info];
  }),
];

function shapeOf(call: KernelCall): GatV2Shape {
  const [edgeDim, channels] = call.shape('edgeWeight');
  return {
    channels,
    edgeDim,
    numHeads: call.attribute('numHeads'),
    negativeSlope: call.attribute('negativeSlope'),
  };
}

function inputsOf(call: KernelCall): GatV2Inputs {
  return {
    z: call.float32('z'),
    t: call.float32('t'),
    edgeFeatures: call.float32('edgeFeatures'),
    edgeWeight: call.float32('edgeWeight'),
    attn: call.float32('attn'),
    rowPtr: call.int32('rowPtr'),
    colIndex: call.int32('colIndex'),
  };
}
