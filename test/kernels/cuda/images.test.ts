import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const kernels = fileURLToPath(new URL('../../../src/kernels/', import.meta.url));
const images = JSON.parse(readFileSync(`${kernels}cuda/images/images.json`, 'utf8')) as {
  readonly sources: string;
  readonly kernels: readonly { kernel: string; machine: string; registers: number; stack: number; spills: number }[];
};

it('ships images of the sources at hand; else run scripts/compile-cuda.py', () => {
  const sources = readdirSync(kernels, { recursive: true, encoding: 'utf8' }).filter((file) => /\.cuh?$/.test(file));
  const hash = createHash('sha256');
  for (const file of sources.sort()) hash.update(readFileSync(kernels + file));
  expect(images.sources).toBe(hash.digest('hex'));
});

it('ships kernels that fit the registers of every architecture', () => {
  expect(new Set(images.kernels.map(({ machine }) => machine))).toEqual(new Set(['sm_75', 'sm_80', 'sm_90']));
  for (const { stack, spills, kernel, machine } of images.kernels)
    expect({ kernel, machine, stack, spills }).toEqual({ kernel, machine, stack: 0, spills: 0 });
});

it('ships images that are small enough to keep beside the sources', () => {
  const files = readdirSync(`${kernels}cuda/images`).filter((file) => file.endsWith('.br'));
  expect(files).toHaveLength(4);
  expect(files.reduce((bytes, file) => bytes + statSync(`${kernels}cuda/images/${file}`).size, 0)).toBeLessThan(
    250_000,
  );
});
