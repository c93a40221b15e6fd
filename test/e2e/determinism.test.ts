import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../../src/core/random.js';
import { artefacts, buildProgram, mineWell, newFolder, SMALL, smallDump } from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

const dump = newFolder();
const run = join(newFolder(), 'run');
let files: string[];

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  files = readdirSync(dump)
    .filter((name) => /^R[CS]_/.test(name))
    .map((name) => join(dump, name));
  await mineWell(['run', dump, '--out', run, ...SMALL]);
}, 120_000);

describe.concurrent('one seed and one input', () => {
  it.each([
    { threads: '2', env: { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' } },
    { threads: '4', env: { TZ: 'America/St_Johns' } },
  ])(
    'give the same bytes with $threads threads, in another order of files and another place',
    async ({ threads, env }) => {
      const out = join(newFolder(), 'elsewhere');
      const shuffled = new Random(Number(threads)).shuffle(files.slice());
      await mineWell(['run', ...shuffled, '--out', out, ...SMALL, '--threads', threads], { env });
      expect(artefacts(out)).toEqual(artefacts(run));
    },
  );

  it('give the same bytes whatever the files are called', async () => {
    const links = join(newFolder(), 'links');
    mkdirSync(links);
    const names = new Random(7).shuffle(['a', 'b', 'c', 'd']);
    files.forEach((file, i) => void symlinkSync(file, join(links, `RC_${names[i]}.ndjson`)));
    const out = join(newFolder(), 'run');
    await mineWell(['run', links, '--out', out, ...SMALL]);
    expect(artefacts(out, true)).toEqual(artefacts(run, true));
  });

  it('give other bytes with another seed, but the same graph', async () => {
    const out = join(newFolder(), 'run');
    await mineWell(['run', dump, '--out', out, ...SMALL, '--seed', '2', '--until', 'train']);
    const [one, other] = [artefacts(run), artefacts(out)];
    expect(other['build-graph/edges.arrow']).toBe(one['build-graph/edges.arrow']);
    expect(other['train/weights.safetensors']).not.toBe(one['train/weights.safetensors']);
  });
});
