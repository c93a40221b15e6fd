import { type CudaCall, cudaKernel } from '../cuda/cuda-kernel.js';
import { type Address, float } from '../cuda/device.js';
import { launchAdd } from '../cuda/elementwise.js';
import { launchMatMul } from '../mat-mul/cuda.js';
import { INFO_NCE } from './op.js';

/** Logits held at a time: blocks of users, and 256 MB. */
const LOGITS_AT_ONCE = 1 << 26;

export const infoNceCuda = [
  cudaKernel(INFO_NCE, (call) => {
    const { device } = call;
    const [numUsers, dim] = call.shape('y');
    const [numCandidates] = call.shape('c');
    const loss = call.output([]);
    const dY = call.output([numUsers, dim]);
    const dC = call.output([numCandidates, dim]);
    const losses = call.scratch(numUsers);
    const part = call.scratch(numCandidates * dim); // of dC, from one block of users
    const { scale, temperature } = scalesOf(call);
    device.fill(dC.address, numCandidates * dim);
    forEachBlock(call, (begin, users, logits, positives) => {
      const lists = ['logQ', 'posPtr', 'posIndex', 'maskPtr', 'maskIndex'].map((name) => call.address(name));
      const scalars = [begin, numCandidates, float(temperature), float(scale)];
      device.launch('info_nce', [users], [logits, ...lists, positives, losses], scalars);
      const offset = 4 * begin * dim;
      launchMatMul(call, { m: users, n: dim, k: numCandidates }, logits, call.address('c'), dY.address + offset);
      const shape = { m: numCandidates, n: dim, k: users, transposeA: true };
      launchMatMul(call, shape, logits, call.address('y') + offset, part);
      launchAdd(device, dC.address, part, dC.address, numCandidates * dim);
    });
    device.launch('sum_cols', [1], [losses, loss.address], [1, numUsers, float(scale * temperature)]);
    return [loss.info, dY.info, dC.info];
  }),
];

/** Computes the products y · c block by block of users and hands them over, with room for the logits of positives. */
function forEachBlock(
  call: CudaCall,
  visit: (begin: number, users: number, logits: Address, positives: Address) => void,
): void {
  const [numUsers, dim] = call.shape('y');
  const [numCandidates] = call.shape('c');
  const atOnce = Math.min(numUsers, Math.max(1, Math.floor(LOGITS_AT_ONCE / Math.max(1, numCandidates))));
  const logits = call.scratch(atOnce * numCandidates);
  const positives = call.scratch(call.shape('posIndex')[0]);
  for (let begin = 0; begin < numUsers; begin += atOnce) {
    const users = Math.min(atOnce, numUsers - begin);
    const y = call.address('y') + 4 * begin * dim;
    launchMatMul(call, { m: users, n: numCandidates, k: dim, transposeB: true }, y, call.address('c'), logits);
    visit(begin, users, logits, positives);
  }
}

/** 1 / (users with a positive · temperature), and the temperature. */
function scalesOf(call: CudaCall): { scale: number; temperature: number } {
  const posPtr = call.values('posPtr'); // came from the host: no waiting
  let anchors = 0;
  for (let b = 0; b + 1 < posPtr.length; b++) if (posPtr[b + 1] > posPtr[b]) anchors++;
  const temperature = call.attribute('temperature');
  return { scale: 1 / (Math.max(1, anchors) * temperature), temperature };
}
