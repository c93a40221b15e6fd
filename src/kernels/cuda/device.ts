import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { messageOf, ResourceError } from '../../core/errors.js';

type Handle = object;

/** The compiled addon: `driver.cc`. */
interface Driver {
  open(library: string): DeviceInfo;
  load(image: Uint8Array): void;
  kernel(name: string): Handle;
  launch(kernel: Handle, gridX: number, gridY: number, gridZ: number, parameters: Uint8Array): void;
  allocate(bytes: number): number;
  release(address: number): void;
  upload(address: number, values: NodeJS.TypedArray): void;
  download(address: number, values: NodeJS.TypedArray): void;
  copy(to: number, from: number, bytes: number): void;
  fill(address: number, words: number, bits: number): void;
  synchronize(): void;
  memory(): { free: number; total: number };
  startTimer(): void;
  stopTimer(): number; // ms
}

export interface DeviceInfo {
  readonly name: string;
  readonly cudaVersion: number; // highest that the driver speaks: 12040 is 12.4
  readonly major: number; // compute capability
  readonly minor: number;
  readonly multiprocessors: number;
}

/** An address on the device; 0 is none. */
export type Address = number;

/** The driver's library, or `off` to do without it. */
const VARIABLE = 'MINE_PERSONAS_CUDA';
const LIBRARY = 'libcuda.so.1';
/**
 * Whether the kernels have run on a card, not only on the emulated device of the tests. Until then `--device auto` leaves
 * the engine alone, and says so.
 */
export const SEEN_ON_HARDWARE = false;

/** Threads of every block: BLOCK of common.cuh. */
const BLOCK = 256;

let opened: { readonly device: CudaDevice } | { readonly missing: string } | undefined;

/** The first CUDA device. Throws `ERR_ENGINE` with what is missing where there is none. */
export function cudaDevice(): CudaDevice {
  const why = whyNoCuda();
  if (opened && 'device' in opened) return opened.device;
  throw new ResourceError(
    'ERR_ENGINE',
    `The engine cuda does not run here: ${why}. Leave --device at auto to take what does.`,
    { engine: 'cuda', why },
  );
}

/** Why there is no device, in words; undefined where there is one. */
export function whyNoCuda(): string | undefined {
  opened ??= open();
  return 'missing' in opened ? opened.missing : undefined;
}

function open(): NonNullable<typeof opened> {
  const library = process.env[VARIABLE] ?? LIBRARY;
  if (library === 'off') return { missing: `${VARIABLE}=off` };
  const path = fileURLToPath(new URL(`../../../build/${process.platform}-${process.arch}/cuda.node`, import.meta.url));
  let driver: Driver;
  try {
    driver = createRequire(import.meta.url)(path) as Driver;
  } catch (thrown) {
    const absent = (thrown as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    return { missing: absent ? 'its addon was not built (no C++ compiler at install?)' : firstLine(thrown) };
  }
  try {
    const info = driver.open(library);
    const { major, minor } = info;
    if (major * 10 + minor < 75)
      return { missing: `${info.name} has compute capability ${major}.${minor}, expected 7.5 or later` };
    driver.load(readImage(major));
    return { device: new CudaDevice(driver, info) };
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'NO_DRIVER') return { missing: `no NVIDIA driver (${firstLine(thrown)})` };
    if (code === 'NO_DEVICE') return { missing: 'the NVIDIA driver finds no device' };
    return { missing: `the NVIDIA driver does not start (${firstLine(thrown)}); it must be release 525 or later` };
  }
}

/** Machine code for the architecture, or PTX, which the driver compiles for what came after. */
function readImage(major: number): Uint8Array {
  const name =
    major === 7 ? 'sm_75.cubin' : major === 8 ? 'sm_80.cubin' : major === 9 ? 'sm_90.cubin' : 'compute_90.ptx';
  const file = new URL(`../../../src/kernels/cuda/images/${name}.br`, import.meta.url);
  return Buffer.concat([brotliDecompressSync(readFileSync(file)), Buffer.alloc(1)]); // PTX is text that ends with a zero
}

function firstLine(thrown: unknown): string {
  return messageOf(thrown).split('\n')[0];
}

/**
 * A device: memory and kernels. Everything runs on one stream in the order of the calls, so memory that was given back
 * can be handed out again at once, and only `download`, `synchronize` and `time` wait.
 */
export class CudaDevice {
  private readonly kernels = new Map<string, Handle>();
  private readonly idle = new Map<number, Address[]>(); // by size: memory kept for reuse
  private readonly sizes = new Map<Address, number>();
  private idleBytes = 0;
  private heldBytes = 0; // idle or not
  private peak = 0;

  constructor(
    private readonly driver: Driver,
    readonly info: DeviceInfo,
  ) {}

  /** Takes memory for at least `bytes`; what stands there is undefined. */
  allocate(bytes: number): Address {
    const size = sizeClass(bytes);
    const reused = this.idle.get(size)?.pop();
    if (reused !== undefined) this.idleBytes -= size;
    const address = reused ?? this.take(size);
    this.peak = Math.max(this.peak, this.bytesInUse);
    return address;
  }

  free(address: Address): void {
    const size = this.sizes.get(address);
    if (size === undefined) throw new Error(`${address} was not allocated`);
    const same = this.idle.get(size);
    if (same) same.push(address);
    else this.idle.set(size, [address]);
    this.idleBytes += size;
  }

  get bytesInUse(): number {
    return this.heldBytes - this.idleBytes;
  }

  /** The most that was in use at once. */
  get peakBytes(): number {
    return this.peak;
  }

  /** Starts `peakBytes` anew, from what is in use now. */
  resetPeak(): void {
    this.peak = this.bytesInUse;
  }

  memory(): { readonly free: number; readonly total: number } {
    return this.driver.memory();
  }

  /**
   * Starts a kernel.
   *
   * @param grid      blocks of 256 threads
   * @param addresses pointer members of the kernel's struct, 0 for null, in their order
   * @param scalars   its other members, in theirs: integers, and floats wrapped by `float`
   */
  launch(name: string, grid: readonly number[], addresses: readonly Address[], scalars: readonly Scalar[]): void {
    const [x, y = 1, z = 1] = grid;
    if (x === 0 || y === 0 || z === 0) return;
    let kernel = this.kernels.get(name);
    if (!kernel) {
      kernel = this.driver.kernel(name);
      this.kernels.set(name, kernel);
    }
    const parameters = new DataView(new ArrayBuffer(Math.ceil((8 * addresses.length + 4 * scalars.length) / 8) * 8));
    let at = 0;
    for (const address of addresses) {
      parameters.setUint32(at, address % 2 ** 32, true);
      parameters.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
      at += 8;
    }
    for (const scalar of scalars) {
      if (typeof scalar === 'number') parameters.setInt32(at, scalar, true);
      else parameters.setFloat32(at, scalar.float, true);
      at += 4;
    }
    this.driver.launch(kernel, x, y, z, new Uint8Array(parameters.buffer));
  }

  /** Starts a kernel with a thread for each of `threads`. */
  launchThreads(name: string, threads: number, addresses: readonly Address[], scalars: readonly Scalar[]): void {
    this.launch(name, [Math.ceil(threads / BLOCK)], addresses, scalars);
  }

  upload(address: Address, values: NodeJS.TypedArray): void {
    this.driver.upload(address, values);
  }

  /** Waits for everything before it. */
  download(address: Address, values: NodeJS.TypedArray): void {
    if (values.length > 0) this.driver.download(address, values);
  }

  copy(to: Address, from: Address, bytes: number): void {
    if (bytes > 0) this.driver.copy(to, from, bytes);
  }

  /** Zeros in `words` 32-bit words, or the bits of another value. */
  fill(address: Address, words: number, bits = 0): void {
    if (words > 0) this.driver.fill(address, words, bits);
  }

  synchronize(): void {
    this.driver.synchronize();
  }

  /** Milliseconds that the device takes for what `work` starts. */
  time(work: () => void): number {
    this.driver.startTimer();
    work();
    return this.driver.stopTimer();
  }

  /** Bytes per second, read and written, of copying `bytes` on the device: the best of five. */
  copyBandwidth(bytes: number): number {
    const [from, to] = [this.allocate(bytes), this.allocate(bytes)];
    try {
      this.fill(from, Math.floor(bytes / 4), 0x3f800001);
      const copy = () => this.copy(to, from, bytes);
      copy();
      return (2 * bytes) / (Math.min(...Array.from({ length: 5 }, () => this.time(copy))) / 1000);
    } finally {
      this.free(from);
      this.free(to);
    }
  }

  private take(size: number): Address {
    let address = this.tryTake(size);
    if (address === undefined && this.idleBytes > 0) {
      this.releaseIdle(); // of other sizes, it may be in the way
      address = this.tryTake(size);
    }
    if (address === undefined) throw this.outOfMemory(size);
    this.sizes.set(address, size);
    this.heldBytes += size;
    return address;
  }

  private tryTake(size: number): Address | undefined {
    try {
      return this.driver.allocate(size);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'OUT_OF_MEMORY') return undefined;
      throw thrown;
    }
  }

  private releaseIdle(): void {
    this.driver.synchronize();
    for (const [size, addresses] of this.idle)
      for (const address of addresses) {
        this.driver.release(address);
        this.sizes.delete(address);
        this.heldBytes -= size;
      }
    this.idle.clear();
    this.idleBytes = 0;
  }

  /** What a step holds grows with the users of a batch: the error says how many of them would fit. */
  private outOfMemory(bytes: number): ResourceError {
    const { free } = this.driver.memory();
    const inUse = this.bytesInUse;
    const share = Math.max(1, Math.floor((90 * (inUse + free)) / (inUse + bytes)));
    const mb = (size: number) => `${Math.ceil(size / 1e6)} MB`;
    return new ResourceError(
      'ERR_DEVICE_MEMORY',
      `${this.info.name} has ${mb(free)} left, ${mb(bytes)} more are needed beside ${mb(inUse)} in use. Take a smaller --batch-users: about ${share} % of what it is now fits; or --device native.`,
      { device: this.info.name, needed: bytes, free, inUse, share: share / 100 },
    );
  }
}

/** A member of a kernel's struct that is no pointer. */
export type Scalar = number | { readonly float: number };

export const float = (value: number): Scalar => ({ float: value });

/** Rounds up to one of eight sizes per power of two, from 256 bytes on: sizes that vary from step to step meet again. */
function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(1, bytes - 1))) - 3));
  return Math.max(1, Math.ceil(bytes / step)) * step;
}
