import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertAccounting,
  hashFile,
  hashValue,
  type Manifest,
  outputsHash,
  readManifest,
} from '../../src/artifacts/manifest.js';
import { temporaryFolders } from './folders.js';

const newFolder = temporaryFolders();

const example: Manifest = {
  format: 'mine-personas/stage',
  formatVersion: 1,
  stage: 'train',
  stageVersion: 2,
  fingerprint: 'f00d',
  seed: 1,
  config: { dim: 64, fanout: [16, 4] },
  inputs: { 'build-graph': 'beef' },
  outputs: { 'b.arrow': { bytes: 10, sha256: 'bb', rows: 3 }, 'a.jsonl': { bytes: 2, sha256: 'aa' } },
  accounting: [{ unit: 'lines', read: 10, kept: 7, dropped: { deleted: 2, bot: 1 } }],
  counts: { steps: 5 },
  notes: ['a note'],
  environment: { package: '0.1.0', node: 'v20', platform: 'linux-x64' },
  timings: { startedUtc: '2024-01-01T00:00:00.000Z', wallSeconds: 1, cpuSeconds: 1, peakRssBytes: 1 },
};

function folderWith(content: string): string {
  const folder = newFolder();
  writeFileSync(`${folder}/manifest.json`, content);
  return folder;
}

describe('readManifest', () => {
  it('reads what was written', async () => {
    expect(await readManifest(folderWith(JSON.stringify(example)))).toEqual(example);
  });

  it('answers nothing for a stage that has not finished', async () => {
    expect(await readManifest(newFolder())).toBeUndefined();
    expect(await readManifest(`${newFolder()}/none`)).toBeUndefined();
  });

  it('refuses a manifest that is cut anywhere', async () => {
    const text = JSON.stringify(example);
    for (let length = 0; length < text.length; length += 7)
      await expect(readManifest(folderWith(text.slice(0, length)))).rejects.toMatchObject({ code: 'ERR_MANIFEST' });
  });

  it.each<[string, object]>([
    ['of another program', { format: 'other' }],
    ['of a later format', { formatVersion: 2 }],
    ['without outputs', { outputs: undefined }],
    ['whose rows do not add up', { accounting: [{ unit: 'lines', read: 10, kept: 7, dropped: { deleted: 2 } }] }],
  ])('refuses a manifest %s', async (_, change) => {
    const folder = folderWith(JSON.stringify({ ...example, ...change }));
    await expect(readManifest(folder)).rejects.toMatchObject({
      code: 'ERR_MANIFEST',
      fields: { path: `${folder}/manifest.json` },
    });
  });
});

describe('assertAccounting', () => {
  const accounting = fc.record({
    unit: fc.string(),
    kept: fc.nat(),
    dropped: fc.dictionary(fc.string(), fc.nat(), { maxKeys: 4 }),
  });
  const readOf = (rows: { kept: number; dropped: Record<string, number> }) =>
    Object.values(rows.dropped).reduce((sum, n) => sum + n, rows.kept);

  it('accepts rows that are all kept or dropped for a reason', () => {
    fc.assert(
      fc.property(fc.array(accounting, { maxLength: 3 }), (all) => {
        assertAccounting(
          'ingest',
          all.map((rows) => ({ ...rows, read: readOf(rows) })),
        );
      }),
      { seed: 1 },
    );
  });

  it('refuses a single row lost or invented, whichever entry it is in', () => {
    fc.assert(
      fc.property(
        fc.array(accounting, { minLength: 1, maxLength: 3 }),
        fc.nat(2),
        fc.constantFrom(-1, 1),
        (all, at, off) => {
          const rows = all.map((one, i) => ({ ...one, read: readOf(one) + (i === at % all.length ? off : 0) }));
          expect(() => assertAccounting('ingest', rows)).toThrow(
            expect.objectContaining({ code: 'ERR_ACCOUNTING', fields: expect.objectContaining({ stage: 'ingest' }) }),
          );
        },
      ),
      { seed: 2 },
    );
  });

  it.each([
    ['a negative count that hides a surplus', { read: 5, kept: 6, dropped: { deleted: -1 } }],
    ['a fraction of a row', { read: 1, kept: 0.5, dropped: { deleted: 0.5 } }],
    ['counts that are no numbers', { read: Number.NaN, kept: Number.NaN, dropped: {} }],
  ])('refuses %s', (_, rows) => {
    expect(() => assertAccounting('ingest', [{ unit: 'lines', ...rows }])).toThrow(
      expect.objectContaining({ code: 'ERR_ACCOUNTING' }),
    );
  });
});

/** The same value with the keys of all its objects the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

describe('hashValue', () => {
  it('does not depend on the order of keys, at any depth', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(hashValue(reversed(value))).toBe(hashValue(value));
      }),
      { seed: 3, numRuns: 300 },
    );
    expect(hashValue({ a: { c: 1, b: [{ y: 1, x: 2 }] }, d: 3 })).toBe(
      hashValue({ d: 3, a: { b: [{ x: 2, y: 1 }], c: 1 } }),
    );
  });

  it('tells different values apart', () => {
    const values = [
      { a: 1 },
      { a: '1' },
      { a: 2 },
      { b: 1 },
      { a: [1, 2] },
      { a: [2, 1] },
      { a: null },
      {},
      [],
      1,
      null,
    ];
    expect(new Set(values.map(hashValue)).size).toBe(values.length);
  });

  it('takes a setting that is not given like one that is undefined', () => {
    expect(hashValue({ a: 1, b: undefined })).toBe(hashValue({ a: 1 }));
  });
});

describe('outputsHash', () => {
  const withOutputs = (outputs: Manifest['outputs']) => outputsHash({ ...example, outputs });

  it('does not depend on the order of files, their sizes or anything else in the manifest', () => {
    const [b, a] = Object.entries(example.outputs);
    expect(withOutputs(Object.fromEntries([a, b]))).toBe(outputsHash(example));
    expect(outputsHash({ ...example, seed: 9, notes: [], fingerprint: 'x' })).toBe(outputsHash(example));
  });

  it('changes with the content and with the name of every file', () => {
    const hashes = [
      example.outputs,
      { ...example.outputs, 'b.arrow': { bytes: 10, sha256: 'bc', rows: 3 } },
      { 'a.jsonl': { bytes: 2, sha256: 'aa' }, 'c.arrow': { bytes: 10, sha256: 'bb' } },
      { 'a.jsonl': { bytes: 2, sha256: 'bb' }, 'b.arrow': { bytes: 10, sha256: 'aa' } },
      { 'a.jsonl': { bytes: 2, sha256: 'aa' } },
      {},
    ].map(withOutputs);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('hashFile', () => {
  it('hashes files longer than one read', async () => {
    const path = `${newFolder()}/file`;
    const content = Buffer.alloc(3 * 1024 * 1024 + 5, 'abc');
    writeFileSync(path, content);
    expect(await hashFile(path)).toBe(createHash('sha256').update(content).digest('hex'));
  });
});
