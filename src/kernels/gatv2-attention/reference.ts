import { type KernelCall, referenceKernel } from '../reference-kernel.js';
import { type GatV2Inputs, type GatV2Shape, gatV2Attention, gatV2AttentionGrad } from './numeric.js';
import { GATV2_ATTENTION, GATV2_ATTENTION_GRAD } from './op.js';

export const gatV2AttentionReference = [
  referenceKernel(GATV2_ATTENTION, (call) => {
    const shape = shapeOf(call);
    const inputs = inputsOf(call);
    const out = new Float32Array(inputs.t.length);
    const attention = new Float32Array(inputs.colIndex.length * shape.numHeads);
    gatV2Attention(shape, inputs, out, attention);
    return [call.output(call.shape('t'), out), call.output([inputs.colIndex.length, shape.numHeads], attention)];
  }),
  referenceKernel(GATV2_ATTENTION_GRAD, (call) => {
    const attention = call.float32('attention');
    const gradients = gatV2AttentionGrad(shapeOf(call), inputsOf(call), attention, call.float32('dOut'));
    return [
      call.output(call.shape('z'), gradients.dZ),
      call.output(call.shape('t'), gradients.dT),
      call.output(call.shape('edgeWeight'), gradients.dEdgeWeight),
      call.output(call.shape('attn'), gradients.dAttn),
    ];
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
