import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { IntegrityError, messageOf } from '../core/errors.js';

const count = z.int().min(0);

/** Row accounting of a stage: read = kept + Σ dropped[reason], checked whenever a manifest is written or read. */
const accountingSchema = z
  .object({ unit: z.string(), read: count, kept: count, dropped: z.record(z.string(), count) })
  .refine((rows) => rows.read === rows.kept + Object.values(rows.dropped).reduce((sum, n) => sum + n, 0), {
    message: 'read is not kept plus everything dropped',
  });

/** What a stage did, beside its tables. All but `environment` and `timings` is the same for the same input and seed. */
const manifestSchema = z.object({
  format: z.literal('mine-personas/stage'),
  formatVersion: z.literal(1),
  stage: z.string(),
  stageVersion: z.number(),
  fingerprint: z.string(), // of all that the output depends on; unchanged means the stage need not run
  seed: z.number(),
  config: z.record(z.string(), z.unknown()),
  inputs: z.record(z.string(), z.unknown()), // stage name → hash of its outputs; 'files' → what came from outside
  outputs: z.record(z.string(), z.object({ bytes: z.number(), sha256: z.string(), rows: z.number().optional() })),
  accounting: z.array(accountingSchema),
  counts: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()), // what a person should know about this result
  environment: z.object({ package: z.string(), node: z.string(), platform: z.string(), engine: z.string().optional() }),
  timings: z.object({
    startedUtc: z.string(),
    wallSeconds: z.number(),
    cpuSeconds: z.number(),
    peakRssBytes: z.number(),
  }),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Accounting = z.infer<typeof accountingSchema>;

/** Throws `ERR_ACCOUNTING` where a row is neither kept nor dropped: a fault of ours that must not pass silently. */
export function assertAccounting(stage: string, accounting: readonly Accounting[]): void {
  for (const rows of accounting) {
    if (!accountingSchema.safeParse(rows).success)
      throw new IntegrityError(
        'ERR_ACCOUNTING',
        `${stage}: ${rows.read} ${rows.unit} read, but kept and dropped do not add up to it: ${JSON.stringify(rows)}.`,
        { stage, ...rows },
      );
  }
}

/** Reads the manifest of a finished stage; `undefined` where the stage has not finished. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = `${folder}/manifest.json`;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (thrown) {
    throw new IntegrityError(
      'ERR_MANIFEST',
      `${path} is not a manifest of this program: ${messageOf(thrown)}. Remove the folder and run the stage again.`,
      { path },
      { cause: thrown },
    );
  }
}

/** One hash for all outputs of a stage: what the stages after it depend on. */
export function outputsHash(manifest: Manifest): string {
  const lines = Object.entries(manifest.outputs).map(([file, { sha256 }]) => `${sha256}  ${file}`);
  return hashText(lines.sort().join('\n'));
}

/** sha256 of a value: object keys sorted, so that the order in which a configuration was written does not matter. */
export function hashValue(value: unknown): string {
  return hashText(
    JSON.stringify(value, (_, inner: unknown) =>
      inner !== null && typeof inner === 'object' && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ),
  );
}

function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** sha256 of a file, streamed. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
