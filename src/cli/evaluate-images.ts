import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { InputError } from '../core/errors.js';
import type { EvaluateFlags } from './evaluate-output.js';
import { giveTables, withOutput } from './evaluate-output.js';
import type { Shell } from './shell.js';
import { wholeNumber } from './whole-number.js';

const imageSchema = z.object({
  id: z.coerce.string().min(1),
  promptId: z.coerce.string().min(1),
  persona: z.string().nullish(),
  model: z.string().default('images'),
  textId: z.coerce.string().optional(),
  reference: z.coerce.string().optional(),
});

const referenceSchema = z.object({ id: z.coerce.string(), reference: z.coerce.string().optional() });

interface ImageFlags extends EvaluateFlags {
  readonly images: string;
  readonly imageVectors: string;
  readonly textVectors: string;
  readonly references?: string;
  readonly prompts?: string;
  readonly weight: number;
  readonly unit: 'prompt' | 'persona';
  readonly scores?: string;
}

/** `evaluate images`: CLIPScore and image alignment, with the persona lift of each model. */
export function addEvaluateImages(evaluate: Command, shell: Shell): void {
  const command = evaluate
    .command('images')
    .description('CLIPScore (text and image) and image alignment (image and reference), from vectors')
    .requiredOption('--images <file>', 'images.jsonl: id, promptId, persona, model, perhaps textId and reference')
    .requiredOption('--image-vectors <file>', 'Arrow, Parquet or npy: vectors of images and references by id')
    .requiredOption('--text-vectors <file>', 'vectors of texts by textId (default: promptId, the original prompt)')
    .option('--prompts <file>', 'prompts.jsonl of a benchmark, which names references by promptId')
    .option('--references <file>', 'vectors of references, where they are not among those of images')
    .option('--weight <w>', 'CLIPScore is max(0, w · cos)', positive, 1)
    .option('--scores <file>', 'also write a line per image, for evaluate bias')
    .addOption(new Option('--unit <unit>', 'what is resampled').choices(['prompt', 'persona']).default('prompt'));
  withOutput(command).action((flags: ImageFlags) => evaluateImages(shell, flags));
}

async function evaluateImages(shell: Shell, flags: ImageFlags): Promise<void> {
  const { Random } = await import('../core/random.js');
  const { unitRows } = await import('../evaluation/cmmd.js');
  const { imageScore, VectorIndex } = await import('../evaluation/image-scores.js');
  const { bootstrap } = await import('../evaluation/intervals.js');
  const { personaLift } = await import('../evaluation/lift.js');
  const { readChecked } = await import('../pipeline/prompt-files.js');
  const { readVectorTable } = await import('../vision/vector-table.js');
  const { writeFileDurably } = await import('../artifacts/run-directory.js');

  const items = await readChecked(flags.images, imageSchema);
  const named = flags.prompts ? await readChecked(flags.prompts, referenceSchema) : [];
  const referenceOf = new Map(named.map(({ id, reference }) => [id, reference]));
  const indexOf = async (path: string) => {
    const table = await readVectorTable(path);
    return new VectorIndex(table.ids, unitRows(table));
  };
  const [images, texts] = await Promise.all([flags.imageVectors, flags.textVectors].map(indexOf));
  const references = flags.references ? await indexOf(flags.references) : images;
  const scored = items.flatMap(({ id, promptId, persona, model, textId, reference }) => {
    const item = { id, textId: textId ?? promptId, referenceId: reference ?? referenceOf.get(promptId) };
    const score = imageScore(item, images, texts, flags.weight, references);
    return score ? [{ id, promptId, persona: persona ?? null, model, ...score }] : [];
  });
  if (scored.length === 0)
    throw new InputError(
      'ERR_VECTORS',
      `None of the ${items.length} images has both its vectors; ids in the three files must agree.`,
      {
        images: items.length,
      },
    );
  if (flags.scores)
    await writeFileDurably(
      flags.scores,
      scored.map((line) => `${JSON.stringify({ ...line, method: line.model, user: line.persona ?? '' })}\n`).join(''),
    );

  const rows = [];
  for (const metric of ['clipScore', 'imageAlignment'] as const)
    for (const model of new Set(scored.map((line) => line.model))) {
      const own = scored.filter((line) => line.model === model && line[metric] !== undefined);
      if (own.length === 0) continue;
      const random = new Random(flags.seed).fork(metric, model);
      const unitName = (line: (typeof own)[number]) =>
        flags.unit === 'persona' && line.persona !== null ? line.persona : line.promptId;
      const plain = new Map<string, number[]>();
      for (const line of own)
        if (line.persona === null)
          plain.set(line.promptId, [...(plain.get(line.promptId) ?? []), line[metric] as number]);
      const pairs = own.flatMap((line) => {
        const without = line.persona === null ? undefined : plain.get(line.promptId);
        if (!without) return [];
        const mean = without.reduce((sum, value) => sum + value, 0) / without.length;
        return [{ unit: unitName(line), withPersona: line[metric] as number, without: mean }];
      });
      const units = new Map<string, number>();
      const unitOf = own.map((line) => {
        const position = units.get(unitName(line)) ?? units.size;
        units.set(unitName(line), position);
        return position;
      });
      const mean = bootstrap(
        units.size,
        (times) => {
          let [sum, count] = [0, 0];
          own.forEach((line, i) => {
            sum += times[unitOf[i]] * (line[metric] as number);
            count += times[unitOf[i]];
          });
          return count === 0 ? undefined : [sum / count];
        },
        { replicates: flags.replicates, random },
      ).estimates[0];
      const lift = pairs.length > 0 ? personaLift(pairs, { replicates: flags.replicates, random }) : undefined;
      rows.push({
        model,
        metric,
        images: own.length,
        mean,
        without: lift?.without ?? null,
        withPersona: lift?.withPersona ?? null,
        difference: lift?.difference ?? null,
        percent: lift?.percent ?? null,
        p: lift?.p ?? null,
      });
    }
  const table = {
    title: 'Images',
    columns: [
      { key: 'model', label: 'model' },
      { key: 'metric', label: 'metric' },
      { key: 'images', label: 'images' },
      { key: 'mean', label: 'mean' },
      { key: 'without', label: 'without persona' },
      { key: 'withPersona', label: 'with persona' },
      { key: 'difference', label: 'lift', digits: 4 },
      { key: 'percent', label: 'lift %', digits: 1 },
      { key: 'p', label: 'p', digits: 4 },
    ],
    rows,
    notes: [
      `CLIPScore: max(0, ${flags.weight} · cos) of the image and the text named by textId, else the original prompt. Image alignment: cosine of the image and its reference.`,
      `Lift: paired with the image of the same prompt and model drawn without a persona; 95 % percentile intervals from ${flags.replicates} resamples of ${flags.unit}s.`,
      `${items.length} images read = ${scored.length} scored + ${items.length - scored.length} without a vector.`,
    ],
  };
  await giveTables(shell, flags, [table], { images: items.length, scored: scored.length });
}

interface DiversityFlags extends EvaluateFlags {
  readonly generated: string[];
  readonly reference: string;
  readonly size?: number;
  readonly repeats: number;
  readonly sigma: number;
  readonly full?: boolean;
}

/** `evaluate diversity`: CMMD of generated against reference images. */
export function addEvaluateDiversity(evaluate: Command, shell: Shell): void {
  const command = evaluate
    .command('diversity')
    .description('CMMD of image vectors against a reference, without bias, at one size, beside the floor')
    .requiredOption('--generated <file...>', 'vectors of generated images, a file per method')
    .requiredOption('--reference <file>', 'vectors of real images')
    .option('--size <n>', 'vectors on each side (default: the most that all files allow, up to 1000)', wholeNumber)
    .option('--repeats <count>', 'draws of that size', wholeNumber, 20)
    .option('--sigma <value>', 'width of the kernel', positive, 10)
    .option('--full', 'also compare whole files, of whatever size');
  withOutput(command).action((flags: DiversityFlags) => evaluateDiversity(shell, flags));
}

async function evaluateDiversity(shell: Shell, flags: DiversityFlags): Promise<void> {
  const { Random } = await import('../core/random.js');
  const { CMMD_DEFAULTS, cmmd, cmmdAtSize, unitRows } = await import('../evaluation/cmmd.js');
  const { fastMatMul } = await import('../evaluation/fast-mat-mul.js');
  const { readVectorTable } = await import('../vision/vector-table.js');
  const reference = unitRows(await readVectorTable(flags.reference));
  const sets = await Promise.all(
    flags.generated.map(async (path) => ({
      name: path.replace(/^.*[/\\]/, ''),
      set: unitRows(await readVectorTable(path)),
    })),
  );
  const rowsOf = (set: { values: Float32Array; dim: number }) => set.values.length / set.dim;
  const { multiply, engine } = fastMatMul();
  const options = { ...CMMD_DEFAULTS, sigma: flags.sigma, multiply };
  const size = flags.size ?? Math.min(1000, Math.floor(rowsOf(reference) / 2), ...sets.map(({ set }) => rowsOf(set)));
  const rows = [];
  for (const { name, set } of sets) {
    const report = cmmdAtSize(set, reference, size, flags.repeats, new Random(flags.seed).fork('cmmd', name), options);
    const row = { name, ...report };
    rows.push({ ...row, generated: rowsOf(set), full: null as number | null, error: null as number | null });
    if (flags.full) {
      const whole = cmmd(set, reference, options);
      Object.assign(rows[rows.length - 1], { full: whole.unbiased, error: whole.standardError });
    }
  }
  const table = {
    title: 'CMMD',
    columns: [
      { key: 'name', label: 'generated' },
      { key: 'generated', label: 'vectors' },
      { key: 'size', label: 'n' },
      { key: 'unbiased', label: 'CMMD', digits: 4 },
      { key: 'floorUnbiased', label: 'floor (real, real)', digits: 4 },
      { key: 'biased', label: 'biased form', digits: 4 },
      { key: 'floorBiased', label: 'its floor', digits: 4 },
      ...(flags.full
        ? [
            { key: 'full', label: 'whole files', digits: 4 },
            { key: 'error', label: 'standard error', digits: 4 },
          ]
        : []),
    ],
    rows: rows.map(({ name, generated, size: n, unbiased, floorUnbiased, biased, floorBiased, full, error }) => ({
      name,
      generated,
      size: n,
      unbiased,
      floorUnbiased,
      biased,
      floorBiased,
      full,
      error,
    })),
    notes: [
      `1000 · MMD², kernel exp(−|x−y|² / 2σ²), σ = ${flags.sigma}, unit vectors; ${rowsOf(reference)} reference vectors; ${flags.repeats} draws of n on each side without replacement, mean and 2.5–97.5 % of draws.`,
      'Lower is nearer. A value inside the floor cannot be told from no difference. The biased form is for comparison with published figures of the same n only.',
      `Inner products by ${engine}.`,
    ],
  };
  await giveTables(shell, flags, [table], { size });
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError(`expected a number above 0, got "${text}".`);
  return value;
}
