import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import { CUDA, type CudaBackend } from './backend.js';
import type { Address, CudaDevice, Scalar } from './device.js';

/** What an op needs while it starts its kernels: addresses of its inputs, outputs, scratch memory. */
export interface CudaCall {
  readonly device: CudaDevice;
  readonly backend: CudaBackend;
  has(input: string): boolean;
  tensor(input: string): TensorInfo;
  shape(input: string): readonly number[];
  address(input: string): Address;
  /** Values on the host: at once where they came from there, else after everything before has run. */
  values(input: string): ArrayLike<number>;
  attribute<T = number>(name: string): T;
  output(shape: readonly number[]): { readonly info: TensorInfo; readonly address: Address };
  /** Memory for `words` 32-bit words until the op returns. */
  scratch(words: number): Address;
}

/** A kernel of the engine `cuda`. */
export function cudaKernel(kernelName: string, compute: (call: CudaCall) => TensorInfo | TensorInfo[]): KernelConfig {
  return {
    kernelName,
    backendName: CUDA,
    kernelFunc({ inputs, backend, attrs }) {
      const cuda = backend as CudaBackend;
      const { device } = cuda;
      const scratch: Address[] = [];
      const tensor = (name: string) => inputs[name] as TensorInfo;
      try {
        return compute({
          device,
          backend: cuda,
          has: (name) => inputs[name] != null,
          tensor,
          shape: (name) => tensor(name).shape,
          address: (name) => cuda.address(tensor(name)),
          values: (name) => cuda.readSync(tensor(name).dataId) as ArrayLike<number>,
          attribute: <T>(name: string) => attrs?.[name] as T,
          output(shape) {
            const info = cuda.output(shape);
            return { info, address: cuda.address(info) };
          },
          scratch(words) {
            const address = device.allocate(4 * words);
            scratch.push(address);
            return address;
          },
        });
      } finally {
        for (const address of scratch) device.free(address); // used again only by what is started later
      }
    },
  };
}

/** How rows of `width` floats are split among lanes: as vectors of four where that goes, and a power of two of lanes. */
export function rowLanes(width: number): { readonly vector: 1 | 4; readonly lanes: number } {
  const vector = width % 4 === 0 ? 4 : 1;
  return { vector, lanes: Math.min(32, 2 ** Math.ceil(Math.log2(Math.max(1, width / vector)))) };
}

/** Edges in the order of their source, for `sumTile` of edges-by-source.cuh. */
export interface BySource {
  readonly sources: Address; // int32 [E], ascending
  readonly order: Address; // int32 [E] edge ids
  readonly targets: Address; // int32 [E]
}

const DIGIT_BITS = 4;
const DIGITS = 2 ** DIGIT_BITS;
const SORT_TILE = 2048;
const SOURCE_TILE = 32;

/** Sorts edges by source, stably; E > 0. */
export function sortBySource(
  { device, scratch }: CudaCall,
  rowPtr: Address,
  colIndex: Address,
  numTargets: number,
  numEdges: number,
  numSources: number,
): BySource {
  const numTiles = Math.ceil(numEdges / SORT_TILE);
  const counts = scratch(DIGITS * numTiles);
  const pairs = () => ({ keys: scratch(numEdges), values: scratch(numEdges) });
  const buffers = [pairs(), pairs()];
  let from = { keys: colIndex, values: 0 };
  const bits = Math.max(1, Math.ceil(Math.log2(numSources)));
  for (let shift = 0, pass = 0; shift < bits; shift += DIGIT_BITS, pass++) {
    const to = buffers[pass % 2];
    const addresses = [from.keys, from.values, to.keys, to.values, counts];
    const scalars = [numEdges, numTiles, shift];
    device.launch('radix_count', [numTiles], addresses, scalars);
    device.launch('radix_scan', [1], addresses, scalars);
    device.launch('radix_scatter', [numTiles], addresses, scalars);
    from = to;
  }
  const targets = scratch(numEdges);
  device.launchThreads('edge_targets', numEdges, [rowPtr, from.values, targets], [numTargets, numEdges]);
  return { sources: from.keys, order: from.values, targets };
}

/**
 * Sums over the edges of each source, into `out` [U, C].
 *
 * @param launch starts the kernel that sums tiles of edges; gets where to carry parts of sources to
 */
export function sumBySource(
  { device, scratch }: CudaCall,
  { sources }: BySource,
  out: Address,
  numEdges: number,
  numSources: number,
  channels: number,
  launch: (carry: Address, numTiles: number) => void,
): void {
  const numTiles = Math.ceil(numEdges / SOURCE_TILE);
  device.fill(out, numSources * channels); // sources without an edge
  const carry = scratch(numTiles * channels);
  launch(carry, numTiles);
  device.launchThreads('add_carries', numTiles * channels, [sources, out, carry], [numEdges, channels, numTiles]);
}

/** Sums of `rows` rows of `cols` floats, `rowStride` apart, into out [cols], times `scale`. Deterministic. */
export function sumRows(
  { device, scratch }: CudaCall,
  x: Address,
  out: Address,
  rows: number,
  cols: number,
  rowStride: number,
  outer = 1,
  scale: Scalar = { float: 1 },
): void {
  const sliceRows = 512;
  const slices = Math.max(1, Math.ceil(rows / sliceRows));
  const columnBlocks = Math.ceil(cols / 32);
  if (slices === 1) {
    device.launch('sum_rows', [columnBlocks, 1, outer], [x, out], [rows, cols, rowStride, Math.max(1, rows), scale]);
    return;
  }
  const partial = scratch(outer * slices * cols);
  device.launch(
    'sum_rows',
    [columnBlocks, slices, outer],
    [x, partial],
    [rows, cols, rowStride, sliceRows, { float: 1 }],
  );
  device.launch('sum_rows', [columnBlocks, 1, outer], [partial, out], [slices, cols, cols, slices, scale]);
}
