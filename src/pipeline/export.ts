import { readFile } from 'node:fs/promises';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { type Persona, personaSchema } from '../personas/persona.js';
import { datasetCard } from './dataset-card.js';
import { reportPage } from './report-page.js';
import type { Stage } from './stage.js';

/**
 * What other programs read: personas as JSONL and Parquet, the schema, and a card; and a page for people. No row of it
 * belongs to a single user; who needs assignments takes them from the folder of the stage cluster.
 */
export const exportPersonas: Stage = {
  name: 'export',
  version: 2,
  inputs: ['ingest', 'build-graph', 'train', 'cluster', 'verbalize'],
  config: () => ({}),
  async run({ input, folder }) {
    const { folder: verbalized, manifest } = input('verbalize');
    const lines = (await readFile(`${verbalized}/personas.jsonl`, 'utf8')).split('\n').filter((line) => line !== '');
    const personas = lines.map((line) => personaSchema.parse(JSON.parse(line)));
    for (const file of ['personas.jsonl', 'persona.schema.json'])
      await writeFileDurably(`${folder}/${file}`, await readFile(`${verbalized}/${file}`));
    const parquet = parquetWriteBuffer({ columnData: personaColumns(personas) });
    await writeFileDurably(`${folder}/personas.parquet`, new Uint8Array(parquet));
    const manifests = Object.fromEntries(
      (['ingest', 'build-graph', 'train', 'cluster'] as const).map((name) => [name, input(name).manifest]),
    );
    const all = { ...manifests, verbalize: manifest };
    await writeFileDurably(`${folder}/README.md`, datasetCard(personas, all));
    await writeFileDurably(`${folder}/report.html`, reportPage(personas, all));
    return {
      rows: { 'personas.jsonl': personas.length, 'personas.parquet': personas.length },
      counts: { personas: personas.length },
    };
  },
};

/** Flat columns for tables; what is nested stays JSON. */
function personaColumns(personas: readonly Persona[]): ColumnSource[] {
  const text = (name: string, of: (persona: Persona) => string): ColumnSource => ({
    name,
    type: 'STRING',
    data: personas.map(of),
  });
  return [
    text('id', ({ id }) => id),
    text('title', ({ title }) => title),
    text('summary', ({ summary }) => summary),
    text('roleplay', ({ roleplay }) => roleplay),
    { name: 'users', type: 'INT32', data: personas.map(({ size }) => size.users) },
    text('demographics', ({ demographics }) => JSON.stringify(demographics)),
    text('interests', ({ interests }) => JSON.stringify(interests)),
    text('traits', ({ traits }) => JSON.stringify(traits)),
    text('aesthetics', ({ aesthetics }) => JSON.stringify(aesthetics)),
    text('claims', ({ claims }) => JSON.stringify(claims)),
    text('evidence', ({ evidence }) => JSON.stringify(evidence)),
    text('generator', ({ provenance }) => provenance.generator),
    text('trust', ({ provenance }) => provenance.trust),
  ];
}
