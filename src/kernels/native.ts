import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { messageOf, ResourceError } from '../core/errors.js';

/** What a native op takes; arrays that it writes are among them. */
export type NativeArgument = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array | number;

/** Instruction sets that the addon is built for. All give the same results up to rounding. */
export type Isa = 'avx512' | 'avx2' | 'baseline';

/** The compiled addon: `src/kernels/native/addon.cc`. */
export interface NativeAddon {
  /** One function per op, by its name in `kernels.cc`. Kinds of arguments are checked, sizes are the caller's part. */
  readonly kernels: Readonly<Record<string, (...args: NativeArgument[]) => void>>;
  isas(): Isa[]; // that this processor runs, fastest first
  isa(): Isa; // in use
  setIsa(isa: Isa): boolean; // false: not on this processor
  threads(): number;
  setThreads(threads: number): void;
}

/** Forces an instruction set, or `off` to do without the addon. */
const VARIABLE = 'MINE_PERSONAS_NATIVE';

let loaded: { readonly addon: NativeAddon } | { readonly missing: string } | undefined;

/** The addon, or undefined where it was not built, does not load or is switched off: `whyNoNative` says which. */
export function nativeAddon(): NativeAddon | undefined {
  loaded ??= load();
  return 'addon' in loaded ? loaded.addon : undefined;
}

/** Why there is no addon, in words; undefined where there is one. */
export function whyNoNative(): string | undefined {
  loaded ??= load();
  return 'missing' in loaded ? loaded.missing : undefined;
}

/** An op of the addon. Throws `ERR_ENGINE` where there is none: ask `nativeAddon` first. */
export function nativeKernel(name: string): (...args: NativeArgument[]) => void {
  const kernel = nativeAddon()?.kernels[name];
  if (kernel) return kernel;
  const why = whyNoNative() ?? 'it was built from older sources: run npm run build';
  throw new ResourceError('ERR_ENGINE', `The native engine cannot run ${name}: ${why}.`, { name, why });
}

/**
 * Lets the native kernels use this many threads, the calling one included, but no more than the machine and the control
 * group grant. Changes speed, never results.
 *
 * @returns the number taken
 */
export function setNativeThreads(threads: number): number {
  const granted = Math.max(1, Math.min(threads, availableParallelism(), cgroupCores()));
  nativeAddon()?.setThreads(granted);
  return granted;
}

function load(): NonNullable<typeof loaded> {
  const wanted = process.env[VARIABLE];
  if (wanted === 'off') return { missing: `${VARIABLE}=off` };
  const path = fileURLToPath(new URL(`../../build/${process.platform}-${process.arch}/kernels.node`, import.meta.url));
  let addon: NativeAddon;
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon;
  } catch (thrown) {
    const absent = (thrown as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    return { missing: absent ? 'it was not built (no C++ compiler at install?)' : messageOf(thrown).split('\n')[0] };
  }
  if (wanted !== undefined && !addon.setIsa(wanted as Isa)) {
    const known = [...addon.isas(), 'off'].join(', ');
    return { missing: `${VARIABLE}=${wanted} is no instruction set of this processor; choose among ${known}` };
  }
  return { addon };
}

/** Processors that the control group grants: quota over period, rounded up; Infinity where there is no limit. */
function cgroupCores(): number {
  const read = (path: string) => {
    try {
      return readFileSync(`/sys/fs/cgroup/${path}`, 'utf8');
    } catch {
      return '';
    }
  };
  const [quota, period] = read('cpu.max').trim().split(' ').map(Number); // version 2: "max 100000" has no number
  const cores =
    quota > 0 ? quota / period : Number(read('cpu/cpu.cfs_quota_us')) / Number(read('cpu/cpu.cfs_period_us'));
  return cores > 0 ? Math.max(1, Math.ceil(cores)) : Number.POSITIVE_INFINITY;
}
