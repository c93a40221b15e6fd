import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { IntegrityError, messageOf } from '../core/errors.js';

/** Named float32 arrays. */
export type Tensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

const entrySchema = z.object({
  dtype: z.literal('F32'),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});

const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).default({}) }).catchall(entrySchema);

/**
 * Writes float32 arrays as a safetensors file: u64 length of a JSON header, the header, the arrays end to end. Python
 * and Rust read it with the library of that name.
 *
 * @param metadata what the file is; strings only, as the format wants it
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8); // arrays begin aligned
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(Buffer.concat([prefix, Buffer.from(text)]));
    for (const { values } of tensors.values())
      await file.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Reads what `writeSafetensors` wrote. Throws `ERR_WEIGHTS` where the file is cut or something else. */
export async function readSafetensors(path: string): Promise<{ tensors: Tensors; metadata: Record<string, string> }> {
  const fail = (what: string, cause?: unknown): never => {
    throw new IntegrityError('ERR_WEIGHTS', `${path} is not a whole safetensors file: ${what}.`, { path }, { cause });
  };
  const bytes = await readFile(path);
  const headerLength = bytes.length < 8 ? Infinity : Number(bytes.readBigUInt64LE(0));
  if (headerLength > bytes.length - 8) fail('it ends inside its header');
  let header: z.infer<typeof headerSchema>;
  try {
    header = headerSchema.parse(JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)));
  } catch (thrown) {
    return fail(messageOf(thrown), thrown);
  }
  const { __metadata__: metadata, ...entries } = header;
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  let used = 8 + headerLength;
  for (const [name, { shape, data_offsets }] of Object.entries(entries)) {
    const [begin, end] = data_offsets.map((at) => at + 8 + headerLength);
    const length = shape.reduce((product, size) => product * size, 1);
    if (begin > end || end > bytes.length || end - begin !== 4 * length) fail(`${name} lies outside of it`);
    const values = new Float32Array(length);
    new Uint8Array(values.buffer).set(bytes.subarray(begin, end));
    tensors.set(name, { shape, values });
    used = Math.max(used, end);
  }
  if (used !== bytes.length) fail(`${bytes.length - used} bytes at its end belong to no array`);
  return { tensors, metadata };
}
