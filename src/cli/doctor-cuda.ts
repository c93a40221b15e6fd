import { ResourceError } from '../core/errors.js';
import type { Shell } from './shell.js';

/** Bytes that the measurement of the copy bandwidth moves, read and written. */
const COPY_BYTES = 512 << 20;

/**
 * `doctor --device cuda`: what the card is, and whether its kernels agree with the reference on it.
 * Fails with `ERR_ENGINE` where there is no card, and where results differ.
 */
export async function doctorCuda(shell: Shell, json: boolean): Promise<void> {
  const { cudaDevice, SEEN_ON_HARDWARE } = await import('../kernels/cuda/device.js');
  const { checkEngine } = await import('../kernels/self-check.js'); // late: it brings TensorFlow.js
  const device = cudaDevice();
  const { name, cudaVersion, major, minor, multiprocessors } = device.info;
  const { free, total } = device.memory();
  const copyBandwidth = device.copyBandwidth(Math.min(COPY_BYTES, Math.floor(free / 4)));
  const checks = await checkEngine('cuda', 1);
  const wrong = checks.filter(({ error, allowed }) => !(error <= allowed));

  if (json) {
    const card = { ...device.info, memory: { free, total }, copyBandwidth, seenOnHardware: SEEN_ON_HARDWARE };
    shell.print(JSON.stringify({ device: card, checks }));
  } else {
    const gb = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
    shell.print(`device       ${name}, compute capability ${major}.${minor}, ${multiprocessors} multiprocessors`);
    shell.print(`driver       CUDA ${Math.floor(cudaVersion / 1000)}.${(cudaVersion % 1000) / 10}`);
    shell.print(`memory       ${gb(total)}, ${gb(free)} free`);
    shell.print(`copying      ${gb(copyBandwidth)}/s, bytes read and written`);
    for (const { what, error, allowed } of checks)
      shell.print(
        `${error <= allowed ? 'ok     ' : 'BAD    '} ${what.padEnd(28)} ${error.toExponential(1)} of ${allowed}`,
      );
    if (!SEEN_ON_HARDWARE)
      shell.print(
        'This engine was tested on an emulated device only, not yet run on hardware by its authors: --device auto does not take it.',
      );
  }
  if (wrong.length > 0)
    throw new ResourceError(
      'ERR_ENGINE',
      `${wrong.length} of ${checks.length} results of ${name} differ from the reference: ${wrong.map(({ what }) => what).join(', ')}. Use --device native.`,
      { wrong },
    );
}
