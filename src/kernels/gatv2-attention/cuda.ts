import { ResourceError } from '../../core/errors.js';
import { type CudaCall, cudaKernel, rowLanes, sortBySource, sumBySource, sumRows } from '../cuda/cuda-kernel.js';
import { type Address, float } from '../cuda/device.js';
import { GATV2_ATTENTION, GATV2_ATTENTION_GRAD } from './op.js';

const BLOCK = 256;
const MAX_BLOCKS = 1024; // fixed, so that partial sums do not depend on the device
const MAX_EDGE_FEATURES = 8;

export const gatV2AttentionCuda = [
  cudaKernel(GATV2_ATTENTION, (call) => {
    const g = geometryOf(call);
    const out = call.output(call.shape('t'));
    const attention = call.output([g.numEdges, g.numHeads]);
    const written = { outWritten: out.address, attentionWritten: attention.address };
    const blocks = Math.ceil(g.numTargets / g.slotsPerBlock);
    call.device.launch(`gatv2_attention_${g.vector}`, [blocks], addresses(call, written), scalars(call, g));
    return [out.info, attention.info];
  }),
  cudaKernel(GATV2_ATTENTION_GRAD, (call) => {
    const g = geometryOf(call);
    const { device } = call;
    const channels = g.numHeads * g.headDim;
    const dZ = call.output(call.shape('z'));
    const dT = call.output(call.shape('t'));
    const dEdgeWeight = call.output(call.shape('edgeWeight'));
    const dAttn = call.output(call.shape('attn'));

    const blocks = Math.min(MAX_BLOCKS, Math.ceil(g.numTargets / g.slotsPerBlock));
    const partials = call.scratch(blocks * (1 + g.edgeDim) * channels);
    const gradient = {
      attention: call.address('attention'),
      dOut: call.address('dOut'),
      out: call.address('out'),
      dLogit: call.scratch(g.numEdges * g.numHeads),
      dT: dT.address,
      partials,
    };
    device.launch(`gatv2_attention_grad_by_target_${g.vector}`, [blocks], addresses(call, gradient), scalars(call, g));
    const stride = (1 + g.edgeDim) * channels;
    sumRows(call, partials, dAttn.address, blocks, channels, stride);
    if (g.edgeDim > 0)
      sumRows(call, partials + 4 * channels, dEdgeWeight.address, blocks, g.edgeDim * channels, stride);

    const [numSources] = call.shape('z');
    if (g.numEdges === 0) device.fill(dZ.address, numSources * channels);
    else {
      const bySource = sortBySource(
        call,
        call.address('rowPtr'),
        call.address('colIndex'),
        g.numTargets,
        g.numEdges,
        numSources,
      );
      sumBySource(call, bySource, dZ.address, g.numEdges, numSources, channels, (carry, numTiles) =>
        device.launch(
          `gatv2_attention_grad_by_source_${g.vector}`,
          [Math.ceil(numTiles / g.slotsPerBlock)],
          addresses(call, { ...gradient, ...bySource, dZ: dZ.address, carry }),
          scalars(call, g),
        ),
      );
    }
    return [dZ.info, dT.info, dEdgeWeight.info, dAttn.info];
  }),
];

interface Geometry {
  readonly numTargets: number;
  readonly numEdges: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly edgeDim: number;
  readonly vector: 1 | 4;
  readonly lanes: number; // of one head of one target
  readonly slotsPerBlock: number; // targets that a block works on at once
}

function geometryOf(call: CudaCall): Geometry {
  const [edgeDim, channels] = call.shape('edgeWeight');
  const numHeads = call.attribute('numHeads');
  const headDim = channels / numHeads;
  const { vector, lanes } = rowLanes(headDim);
  const slotsPerBlock = Math.floor(BLOCK / (numHeads * lanes));
  if (headDim > 32 * vector || slotsPerBlock === 0 || edgeDim > MAX_EDGE_FEATURES)
    throw new ResourceError(
      'ERR_ENGINE_LIMIT',
      `The engine cuda cannot run attention with ${numHeads} heads of ${headDim} channels and ${edgeDim} edge features. It takes heads of up to 128 channels (32 where they are no multiple of 4), up to 1,024 channels in all and up to ${MAX_EDGE_FEATURES} features; choose other --dim and --heads, or --device native.`,
      { numHeads, headDim, edgeDim },
    );
  const [numTargets] = call.shape('t');
  const [numEdges] = call.shape('colIndex');
  return { numTargets, numEdges, numHeads, headDim, edgeDim, vector, lanes, slotsPerBlock };
}

/** The pointer members of GatV2Args, in their order. */
const POINTERS = ['out', 'attention', 'dOut', 'outWritten', 'attentionWritten', 'dLogit', 'dT', 'partials'] as const;
const BY_SOURCE = ['sources', 'order', 'targets', 'dZ', 'carry'] as const;
type Written = Partial<Record<(typeof POINTERS)[number] | (typeof BY_SOURCE)[number], Address>>;

function addresses(call: CudaCall, written: Written): Address[] {
  return [
    ...['z', 't', 'edgeFeatures', 'edgeWeight', 'attn', 'rowPtr', 'colIndex'].map((name) => call.address(name)),
    ...[...POINTERS, ...BY_SOURCE].map((name) => written[name] ?? 0),
  ];
}

function scalars(call: CudaCall, g: Geometry) {
  const { numTargets, numEdges, numHeads, headDim, edgeDim, lanes, slotsPerBlock } = g;
  const negativeSlope = float(call.attribute('negativeSlope'));
  return [numTargets, numEdges, numHeads, headDim, edgeDim, lanes, slotsPerBlock, negativeSlope];
}
