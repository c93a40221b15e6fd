import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that holds node-llama-cpp, 85 MB: what `--llm-runtime` takes. */
export function llamaRuntime(): string {
  const version = '3.22.1';
  const binary = `@node-llama-cpp/${process.platform}-${process.arch}`;
  return installed('llama', version, [
    '--omit=optional',
    '--ignore-scripts',
    `node-llama-cpp@${version}`,
    `${binary}@${version}`,
  ]);
}

/** A folder that holds @huggingface/transformers, 470 MB: what `--runtime` of clip takes. */
export function clipRuntime(): string {
  return installed('transformers', '4.3.1', ['@huggingface/transformers@4.3.1']);
}

/** Installed at first use, and left for the next run of the tests. */
function installed(name: string, version: string, args: readonly string[]): string {
  const folder = join(tmpdir(), `mine-personas-${name}-${version}`);
  if (existsSync(folder)) return folder;
  const fresh = mkdtempSync(`${folder}-`);
  writeFileSync(join(fresh, 'package.json'), '{ "private": true }');
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }; // what it needs beyond the package is for GPUs
  execFileSync('npm', ['install', '--no-audit', '--no-fund', ...args], { cwd: fresh, env, stdio: 'pipe' });
  try {
    renameSync(fresh, folder);
  } catch {
    rmSync(fresh, { recursive: true }); // another test was faster
  }
  return folder;
}
