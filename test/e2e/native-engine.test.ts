import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { nativeAddon, whyNoNative } from '../../src/kernels/native.js';
import { buildProgram, mine, newFolder, SMALL, smallDump } from './program.js';

const ROOT = resolve(import.meta.dirname, '../..');
const addon = nativeAddon();

/** Runs the build script as an install would, into a folder of its own. */
function build(compiler: string): { status: number | null; said: string; made: string[] } {
  const folder = newFolder();
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/build-native.mjs', folder], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CXX: compiler },
  });
  return { status, said: stdout + stderr, made: readdirSync(folder) };
}

function script(text: string): string {
  const path = join(newFolder(), 'compiler');
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('the build of the native engine', () => {
  it('goes on without a compiler, and says so', () => {
    const { status, said, made } = build('/nowhere/c++');
    expect({ status, made }).toEqual({ status: 0, made: [] });
    expect(said).toContain('no C++ compiler found (tried /nowhere/c++)');
    expect(said).toContain('The reference engine takes its place');
  });

  it('goes on with a compiler that fails, and says what it said', () => {
    const { status, said, made } = build(
      script('case "$*" in --version) ;; *) echo "fatal error: node_api.h" >&2; exit 1;; esac'),
    );
    expect({ status, made }).toEqual({ status: 0, made: [] });
    expect(said).toContain('fatal error: node_api.h');
  });

  it('does not keep what does not load', () => {
    const { status, said, made } = build(
      script('while [ $# -gt 1 ]; do [ "$1" = -o ] && echo garbage > "$2"; shift; done'),
    );
    expect({ status, made }).toEqual({ status: 0, made: [] });
    expect(said).toContain('does not load');
  });
});

describe('the program', () => {
  beforeAll(buildProgram, 120_000);

  /** The engines that `doctor` finds, and what it says of them. */
  async function engines(program = ROOT, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
    const main = join(program, 'dist/cli/main.js');
    const { stdout } = spawnSync(process.execPath, [main, 'doctor', '--json', '--out', newFolder()], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: newFolder(), ...env },
    });
    const { findings } = JSON.parse(stdout) as { findings: { what: string; found: string; advice?: string }[] };
    return findings.filter(({ what }) => what === 'engine').map(({ found, advice }) => `${found} ${advice ?? ''}`);
  }

  /** The program as installed, without what a compiler would have made. */
  function withoutAddon(): string {
    const folder = newFolder();
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    return folder;
  }

  it('takes the reference engine where the addon was not built', async () => {
    const found = await engines(withoutAddon());
    expect(found.find((line) => line.includes('native'))).toContain('not built');
    expect(found.find((line) => line.startsWith('reference'))).toContain('--device auto');
  });

  it('takes the reference engine where the addon does not load', async () => {
    const program = withoutAddon();
    const folder = join(program, 'build', `${process.platform}-${process.arch}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'kernels.node'), 'of another machine');
    const found = await engines(program);
    expect(found.find((line) => line.includes('native'))).toContain('does not run here');
    expect(found.find((line) => line.startsWith('reference'))).toContain('--device auto');
  });

  it.skipIf(!addon)(`takes the instruction set that it is told to${addon ? '' : `: ${whyNoNative()}`}`, async () => {
    const found = await engines(ROOT, { MINE_PERSONAS_NATIVE: 'baseline' });
    expect(found.find((line) => line.startsWith('native'))).toContain('C++, baseline');
  });

  it.skipIf(!addon)('does not guess what an unknown instruction set could mean', async () => {
    const found = await engines(ROOT, { MINE_PERSONAS_NATIVE: 'avx1024' });
    expect(found.find((line) => line.includes('native'))).toContain('avx1024 is no instruction set of this processor');
  });

  it('runs the whole way without the addon, and says once which engine it takes', async () => {
    const folder = newFolder();
    await smallDump(join(folder, 'dump'));
    const out = join(folder, 'run');
    const { status, stderr } = await mine(['run', join(folder, 'dump'), '--out', out, ...SMALL], {
      env: { MINE_PERSONAS_NATIVE: 'off' },
    });
    expect(status).toBe(0);
    expect(stderr.match(/engine: reference/g)).toHaveLength(1);
    expect(stderr).toContain('MINE_PERSONAS_NATIVE=off');
  }, 120_000);
});
