import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of PyTorch that takes one step when asked. */
export interface Torch {
  readonly version: string;
  readonly variants: readonly string[];
  step(variant: string): Promise<{ cpu: number; wall: number; loss: number }>;
  stop(): void;
}

/** Undefined, after saying so, where there is no Python with PyTorch. */
export async function startTorch(folder: string, threads: number, device = 'cpu'): Promise<Torch | undefined> {
  const python = process.env['MINE_PERSONAS_PYTHON'] ?? 'python3';
  const found = spawnSync(python, ['-c', 'import torch, numpy'], { encoding: 'utf8' });
  if (found.status !== 0) {
    console.log(`PyTorch is left out: ${found.error?.message ?? found.stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  const script = fileURLToPath(new URL('../../../scripts/bench/kernels_torch.py', import.meta.url));
  const child = spawn(python, [script, folder, String(threads), device], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${script} ended early`);
    return JSON.parse(value) as Record<string, number> & { readonly torch: string; readonly variants: string[] };
  };
  const { torch: version, variants } = await answer();
  return {
    version: version.split('+')[0],
    variants,
    async step(variant) {
      child.stdin.write(`${variant}\n`);
      const { cpuMs, wallMs, loss } = await answer();
      return { cpu: cpuMs, wall: wallMs, loss };
    },
    stop: () => child.kill(),
  };
}
