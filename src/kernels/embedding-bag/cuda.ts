import { type CudaCall, cudaKernel, rowLanes, sortBySource, sumBySource } from '../cuda/cuda-kernel.js';
import type { Address } from '../cuda/device.js';
import { EMBEDDING_BAG, EMBEDDING_BAG_GRAD } from './op.js';

const BLOCK = 256;

export const embeddingBagCuda = [
  cudaKernel(EMBEDDING_BAG, (call) => {
    const bags = bagsOf(call, call.shape('x')[1]);
    const out = call.output([bags.numBags, bags.dim]);
    launchScale(call, bags);
    launch(call, `embedding_bag_${bags.vector}`, bags, bags.numBags, { x: call.address('x'), out: out.address });
    return out.info;
  }),
  cudaKernel(EMBEDDING_BAG_GRAD, (call) => {
    const bags = bagsOf(call, call.shape('dOut')[1]);
    const { numBags, numEdges, dim } = bags;
    const numRows = call.attribute('numRows');
    const dX = call.output([numRows, dim]);
    if (numEdges === 0) {
      call.device.fill(dX.address, numRows * dim);
      return dX.info;
    }
    launchScale(call, bags);
    const bySource = sortBySource(call, call.address('rowPtr'), call.address('colIndex'), numBags, numEdges, numRows);
    sumBySource(call, bySource, dX.address, numEdges, numRows, dim, (carry, numTiles) =>
      launch(call, `embedding_bag_grad_${bags.vector}`, bags, numTiles, {
        dOut: call.address('dOut'),
        ...bySource,
        dX: dX.address,
        carry,
      }),
    );
    return dX.info;
  }),
];

interface BagGeometry {
  readonly numBags: number;
  readonly numEdges: number;
  readonly dim: number;
  readonly vector: 1 | 4;
  readonly lanes: number;
  readonly scale: Address; // float32 [B]
}

function bagsOf(call: CudaCall, dim: number): BagGeometry {
  const numBags = call.shape('rowPtr')[0] - 1;
  const [numEdges] = call.shape('colIndex');
  return { numBags, numEdges, dim, ...rowLanes(dim), scale: call.scratch(numBags) };
}

function launchScale(call: CudaCall, bags: BagGeometry): void {
  call.device.launchThreads('embedding_bag_scale', bags.numBags, addresses(call, bags, {}), scalars(bags));
}

/** `groups` groups of lanes, for each slice of columns that they can hold. */
function launch(call: CudaCall, kernel: string, bags: BagGeometry, groups: number, written: Written): void {
  const slices = Math.ceil(bags.dim / (32 * bags.vector));
  const grid = [Math.ceil((groups * bags.lanes) / BLOCK), slices];
  call.device.launch(kernel, grid, addresses(call, bags, written), scalars(bags));
}

/** The pointer members of BagArgs, in their order. */
type Written = Partial<Record<'x' | 'out' | 'dOut' | 'sources' | 'order' | 'targets' | 'dX' | 'carry', Address>>;

function addresses(call: CudaCall, bags: BagGeometry, w: Written): Address[] {
  const weights = call.shape('weights')[0] === 0 ? 0 : call.address('weights'); // of length 0: none
  return [
    w.x ?? 0,
    weights,
    call.address('rowPtr'),
    call.address('colIndex'),
    w.out ?? 0,
    bags.scale,
    ...[w.dOut, w.sources, w.order, w.targets, w.dX, w.carry].map((address) => address ?? 0),
  ];
}

function scalars({ numBags, numEdges, dim, lanes }: BagGeometry) {
  return [numBags, numEdges, dim, lanes];
}
