import type { Manifest } from '../artifacts/manifest.js';
import type { Persona } from '../personas/persona.js';

/** The card that travels with the personas: what they are, what they came from, what they must not be taken for. */
export function datasetCard(personas: readonly Persona[], manifests: Readonly<Record<string, Manifest>>): string {
  const { ingest, verbalize, cluster } = manifests;
  const graph = manifests['build-graph'];
  const accounting = Object.values(manifests).flatMap(({ stage, accounting }) =>
    accounting.map(({ unit, read, kept, dropped }) => {
      const reasons = Object.entries(dropped).filter(([, rows]) => rows > 0);
      return `| ${stage} | ${unit} | ${read} | ${kept} | ${reasons.map(([reason, rows]) => `${reason} ${rows}`).join(', ') || '–'} |`;
    }),
  );
  return `---
configs:
  - config_name: default
    data_files: personas.jsonl
language:
  - en
tags:
  - personas
---
# Personas mined from community behaviour

${personas.length} personas, one a line in \`personas.jsonl\` (schema: \`persona.schema.json\`; the same as a table: \`personas.parquet\`).
Each describes a group of at least ${verbalize.config['minUsers']} people who take part in the same communities. Every claim cites the evidence it
rests on. The texts were written by: ${personas[0]?.provenance.generator ?? 'nobody'}.

**These are model-written stereotypes of clusters, not people.** Do not use them to decide anything about a person.

## From what to what

| stage | unit | read | kept | dropped |
|---|---|---|---|---|
${accounting.join('\n')}

Graph: ${graph.counts['numUsers']} users, ${graph.counts['numSubreddits']} subreddits, ${graph.counts['numEdges']} edges. Clusters: ${cluster.counts['clusters']}
(structure: ${cluster.counts['structure']}). Seed ${ingest.seed}, mine-personas ${verbalize.environment.package}.

## Limits

- Who does not write is not seen; who writes much is seen more. Communities differ in age, country, gender and language, and so do these personas.
- Names of accounts were replaced by keyed hashes while the input was read; no text of a post or comment was used.
- Bots were dropped by list and by name, over-18 communities by their own marks: some of each remain.
`;
}
