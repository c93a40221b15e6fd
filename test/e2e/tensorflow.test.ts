import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * The engine `tensorflow` for real: tfjs-node from npm, bound by our script to the TensorFlow of a Python wheel. 280 MB
 * to fetch and a minute to run, hence behind a variable. MINE_PERSONAS_TENSORFLOW names a folder to keep what was fetched.
 */
const wanted = process.env['MINE_PERSONAS_SLOW'] === '1' || process.env['MINE_PERSONAS_TENSORFLOW'] !== undefined;
const missing = wanted ? whatIsMissing() : 'set MINE_PERSONAS_SLOW=1 to fetch TensorFlow and test it';

function whatIsMissing(): string | undefined {
  for (const [command, args] of [
    ['python3', ['-m', 'venv', '--help']],
    ['c++', ['--version']],
  ] as const)
    if (spawnSync(command, args).status !== 0) return `${command} is not installed`;
  return undefined;
}

describe.skipIf(missing !== undefined)(`the engine tensorflow${missing ? ` (${missing})` : ''}`, () => {
  const keep = process.env['MINE_PERSONAS_TENSORFLOW'];
  const folder = keep ?? mkdtempSync(join(tmpdir(), 'mine-personas-tensorflow-'));
  const modules = join(folder, 'node_modules');
  const environment = { ...process.env, NODE_PATH: modules };
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { encoding: 'utf8', env: environment, stdio: ['ignore', 'pipe', 'inherit'] });

  beforeAll(() => {
    mkdirSync(modules, { recursive: true });
    if (!existsSync(join(modules, '@tensorflow/tfjs-node')))
      run(
        'npm',
        'install',
        '--prefix',
        folder,
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '@tensorflow/tfjs-node@4.22.0',
      );
    // one copy of tfjs-core, as where both packages are installed side by side
    for (const name of ['tfjs-core', 'tfjs-layers', 'tfjs-backend-cpu']) {
      rmSync(join(modules, '@tensorflow', name), { recursive: true, force: true });
      symlinkSync(resolve('node_modules/@tensorflow', name), join(modules, '@tensorflow', name));
    }
    const python = join(folder, 'python/bin/python');
    if (!existsSync(python)) run('python3', '-m', 'venv', join(folder, 'python'));
    run(python, '-m', 'pip', 'install', '--quiet', '--no-deps', 'tensorflow-cpu');
    const package_ = join(modules, '@tensorflow/tfjs-node');
    run('npx', 'tsx', 'scripts/bind-tensorflow.ts', '--python', python, '--package', package_);
  }, 600_000);
  afterAll(() => {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  });

  it('passes the conformance suite', () => {
    const out = run('npx', 'vitest', 'run', 'test/conformance', '--maxWorkers=1', '--reporter=json');
    const report = JSON.parse(out.slice(out.indexOf('{'))) as {
      testResults: { assertionResults: { fullName: string; status: string }[] }[];
    };
    const ours = report.testResults
      .flatMap((file) => file.assertionResults)
      .filter((test) => test.fullName.includes('on tensorflow'));
    expect(ours.length).toBeGreaterThan(20);
    expect(ours.filter((test) => test.status !== 'passed')).toEqual([]);
  }, 300_000);

  it('learns from the sample what the reference engine learns', () => {
    const out = join(folder, 'run');
    rmSync(out, { recursive: true, force: true });
    const command = (name: string, ...args: string[]) =>
      run('npx', 'tsx', 'src/cli/main.ts', name, ...args, '--out', out, '--key-file', 'data/sample/key');
    const lossesOf = (engine: string) => {
      command('train', '--device', engine, '--max-epochs', '3', '--force');
      const lines = readFileSync(join(out, 'train/history.jsonl'), 'utf8').trim().split('\n');
      return lines.slice(1).map((line) => (JSON.parse(line) as { loss: number }).loss);
    };
    command('ingest', 'data/sample');
    command('graph');
    const expected = lossesOf('reference');
    lossesOf('tensorflow').forEach((loss, epoch) => {
      expect(loss).toBeCloseTo(expected[epoch], 2);
    });
  }, 300_000);
});
