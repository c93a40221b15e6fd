import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULTS, generateDump, monthsOf } from '../../scripts/generate-dump.js';
import type { Manifest } from '../../src/artifacts/manifest.js';
import { readSafetensors } from '../../src/artifacts/safetensors.js';
import { writeVectorTable } from '../../src/vision/vector-table.js';
import { buildProgram, mine, mineWell, newFolder, SMALL } from './program.js';

describe('train --image-vectors', () => {
  const folder = newFolder();
  const run = join(folder, 'run');
  const images = join(folder, 'dump/image-vectors.arrow');
  const manifestOf = () => JSON.parse(readFileSync(join(run, 'train/manifest.json'), 'utf8')) as Manifest;

  beforeAll(async () => {
    buildProgram();
    const size = { users: 400, groups: 4, subredditsPerGroup: 8, actionsPerUser: 12, months: monthsOf('2') };
    await generateDump({ ...DEFAULTS, ...size, level: null, images: true, out: join(folder, 'dump') });
  }, 60_000);

  it('aligns with images of people known by their names, and goes back to links alone without them', async () => {
    const dump = join(folder, 'dump/R*');
    const { stderr } = await mineWell([
      'run',
      dump,
      '--out',
      run,
      '--until',
      'train',
      '--image-vectors',
      images,
      ...SMALL,
    ]);
    const { accounting, counts, config } = manifestOf();
    const [{ unit, read, kept, dropped }] = accounting;
    expect(unit).toBe('image vectors');
    expect(kept).toBeGreaterThan(100);
    expect(read).toBe(kept + Object.values(dropped).reduce((sum, count) => sum + count, 0));
    expect(counts['usersWithImages']).toBeGreaterThan(50);
    expect(stderr).toContain('among the first ten for their own');
    expect(config['imageWeight']).toBe(0.5);
    const { tensors } = await readSafetensors(join(run, 'train/weights.safetensors'));
    expect(tensors.get('image_head/kernel')?.shape).toEqual([16, 32]);
    expect(tensors.get('image_head/mean')?.shape).toEqual([32]);

    const aligned = manifestOf().outputs['weights.safetensors'].sha256;
    await mineWell(['run', dump, '--out', run, '--until', 'train', '--text-features', ...SMALL]);
    expect(manifestOf().accounting[0]).toMatchObject({
      unit: 'subreddits',
      dropped: { 'without-features': expect.any(Number) },
    });
    expect(manifestOf().config).not.toHaveProperty('imageWeight');
    expect(manifestOf().outputs['weights.safetensors'].sha256).not.toBe(aligned);
  }, 60_000);

  it('refuses a table that is not there, and one with people of whom the graph knows none', async () => {
    const refused = async (table: string) => {
      const { status, stderr } = await mine(['train', '--out', run, '--image-vectors', table, ...SMALL]);
      return { status, stderr };
    };
    const missing = await refused(join(folder, 'none.arrow'));
    expect(missing.status).toBe(3);
    expect(missing.stderr).toContain('none.arrow cannot be read');
    const strangers = join(folder, 'strangers.arrow');
    async function* rows() {
      for (const id of ['who', 'else']) yield { id, vector: Float32Array.of(1, 2) };
    }
    await writeVectorTable(strangers, 2, rows());
    const unknown = await refused(strangers);
    expect(unknown.status).toBe(3);
    expect(unknown.stderr).toContain('unknown-user 2');
  }, 60_000);
});
