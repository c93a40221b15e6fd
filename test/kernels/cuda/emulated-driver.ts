import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kernels = fileURLToPath(new URL('../../../src/kernels/', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * Lets this process and its children meet a CUDA driver whose device is this processor (fake-driver.cc), compiled at its
 * first use, unless MINE_PERSONAS_CUDA names a driver already: then the tests run on that.
 *
 * @returns the path of the driver; undefined without a C++ compiler
 */
export function emulatedCuda(): string | undefined {
  const set = process.env['MINE_PERSONAS_CUDA'];
  if (set !== undefined) return set;
  const library = buildEmulatedDriver();
  if (library !== undefined) process.env['MINE_PERSONAS_CUDA'] = library;
  return library;
}

export function buildEmulatedDriver(): string | undefined {
  const sources = [
    ...readdirSync(kernels, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.cuh?$/.test(file))
      .map((file) => join(kernels, file)),
    join(here, 'emulation.h'),
    join(here, 'fake-driver.cc'),
  ].sort();
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(source));
  const folder = fileURLToPath(new URL('../../../node_modules/.cache/mine-personas', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const library = join(folder, `emulated-cuda-${hash.digest('hex').slice(0, 16)}.so`);
  if (statSync(library, { throwIfNoEntry: false })) return library;
  const unfinished = `${library}.${process.pid}`;
  const flags = ['-std=c++20', '-O2', '-march=native', '-ffp-contract=off', '-shared', '-fPIC', '-w'];
  try {
    execFileSync(process.env['CXX'] ?? 'c++', [...flags, join(here, 'fake-driver.cc'), '-o', unfinished], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown; // sources that do not compile
  }
  renameSync(unfinished, library); // several test processes may build it at once
  return library;
}
