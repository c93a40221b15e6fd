import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors, type Tensors, writeSafetensors } from '../../src/artifacts/safetensors.js';
import { temporaryFolders } from './folders.js';

const newFolder = temporaryFolders();

const tensor = fc.array(fc.nat(4), { maxLength: 3 }).chain((shape) => {
  const length = shape.reduce((product, size) => product * size, 1);
  return fc
    .array(fc.float(), { minLength: length, maxLength: length })
    .map((values) => ({ shape, values: Float32Array.from(values) }));
});
const tensors = fc
  .uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), tensor), { selector: ([name]) => name, maxLength: 5 })
  .map((entries) => new Map(entries.filter(([name]) => !['__metadata__', '__proto__'].includes(name))));

const example: Tensors = new Map([
  ['bias', { shape: [3], values: Float32Array.of(1, -2, 0.5) }],
  ['empty', { shape: [0, 4], values: new Float32Array(0) }],
  ['layer/source', { shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) }],
]);

async function writeExample(): Promise<{ path: string; content: Buffer }> {
  const path = `${newFolder()}/weights.safetensors`;
  await writeSafetensors(path, example, { format: 'test' });
  return { path, content: readFileSync(path) };
}

/** A file with this header and `numBytes` bytes of arrays. */
function foreign(header: unknown, numBytes = 0): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, Buffer.alloc(numBytes)]);
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('writeSafetensors and readSafetensors', () => {
  it('round-trip names in any script, shapes of any rank, values bit by bit, and metadata', async () => {
    const path = `${newFolder()}/any.safetensors`;
    const metadata = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (written, about) => {
        await writeSafetensors(path, written, about);
        const read = await readSafetensors(path);
        expect(read.tensors).toEqual(written);
        expect({ ...read.metadata }).toEqual({ ...about });
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('write views of larger arrays, not what lies around them', async () => {
    const path = `${newFolder()}/view.safetensors`;
    const values = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    await writeSafetensors(path, new Map([['x', { shape: [2], values }]]), {});
    expect((await readSafetensors(path)).tensors.get('x')?.values).toEqual(Float32Array.of(1, 2));
  });

  it('write the same bytes for the same content, arrays aligned to 8 bytes', async () => {
    const { content } = await writeExample();
    expect((await writeExample()).content.equals(content)).toBe(true);
    expect(Number(content.readBigUInt64LE(0)) % 8).toBe(0);
  });
});

describe('readSafetensors', () => {
  it('refuses a file that is cut anywhere', async () => {
    const { path, content } = await writeExample();
    for (let length = 0; length < content.length; length++) {
      writeFileSync(path, content.subarray(0, length));
      await expect(readSafetensors(path), `cut to ${length} bytes`).rejects.toMatchObject({
        code: 'ERR_WEIGHTS',
        fields: { path },
      });
    }
  });

  it('refuses a file with something behind its arrays', async () => {
    const { path, content } = await writeExample();
    writeFileSync(path, Buffer.concat([content, Buffer.of(0)]));
    await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ERR_WEIGHTS' });
  });

  it.each<[string, Buffer | string]>([
    ['text', 'these are not weights\n'.repeat(20)],
    ['zeros', Buffer.alloc(64)],
    ['ones', Buffer.alloc(64, 0xff)],
    ['a header that is no object', foreign([])],
    ['a header that is null', foreign(null)],
    ['an entry without shape', foreign({ x: {} })],
    ['an entry of strings', foreign({ x: { dtype: 'F32' } })],
    ['metadata that is an array', foreign({ __metadata__: f32([1], 0, 4) }, 4)],
    ['half floats', foreign({ x: { ...f32([1], 0, 2), dtype: 'F16' } }, 2)],
    ['an array before the beginning', foreign({ x: f32([1], -4, 0) })],
    ['an array behind the end', foreign({ x: f32([1], 4, 8) }, 4)],
    ['an array that ends before it begins', foreign({ x: f32([1], 8, 4) }, 8)],
    ['an array longer than its shape', foreign({ x: f32([1], 0, 8) }, 8)],
    ['an array shorter than its shape', foreign({ x: f32([3], 0, 8) }, 8)],
    ['a negative shape', foreign({ x: f32([-1, -1], 0, 4) }, 4)],
    ['a broken shape', foreign({ x: f32([0.5, 2], 0, 4) }, 4)],
    ['a shape of text', foreign({ x: f32(['1'], 0, 4) }, 4)],
    ['an enormous shape', foreign({ x: f32([2 ** 40], 0, 4) }, 4)],
  ])('refuses %s', async (_, content) => {
    const path = `${newFolder()}/foreign.safetensors`;
    writeFileSync(path, content);
    await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ERR_WEIGHTS', fields: { path } });
  });

  it('refuses every file of random bytes', async () => {
    const path = `${newFolder()}/random.safetensors`;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.boolean(), async (bytes, smallHeader) => {
        if (smallHeader) bytes.fill(0, 1, 8); // a header length that fits, so that the header is parsed
        writeFileSync(path, bytes);
        await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ERR_WEIGHTS' });
      }),
      { seed: 2 },
    );
  });
});

const READ_IN_PYTHON = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], framework='numpy') as f:
    print(json.dumps([f.metadata(), {name: [list(f.get_tensor(name).shape), f.get_tensor(name).ravel().tolist()] for name in f.keys()}]))
`;

function pythonHasSafetensors(): boolean {
  try {
    execFileSync('python3', ['-c', 'import safetensors, numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!pythonHasSafetensors())(
  'the safetensors library of Python (skipped where it is not installed)',
  () => {
    it('reads what we write', async () => {
      const { path } = await writeExample();
      const [metadata, arrays] = JSON.parse(
        execFileSync('python3', ['-c', READ_IN_PYTHON, path], { encoding: 'utf8' }),
      );
      expect(metadata).toEqual({ format: 'test' });
      expect(arrays).toEqual(
        Object.fromEntries([...example].map(([name, { shape, values }]) => [name, [shape, [...values]]])),
      );
    });
  },
);
