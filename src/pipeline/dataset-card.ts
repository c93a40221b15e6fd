import type { Manifest } from '../artifacts/manifest.js';
import type { Persona } from '../personas/persona.js';

/** The card that travels with the personas: what they are, what they came from, what they must not be taken for. */
export function datasetCard(personas: readonly Persona[], manifests: Readonly<Record<string, Manifest>>): string {
  const { ingest, verbalize, cluster } = manifests;
  const graph = manifests['build-graph'];
  const unit = verbalize.config['unit'];
  const allowed = (verbalize.config['includeSensitive'] as string[] | undefined)?.join(', ') ?? '';
  const attack = verbalize.counts['reidentification'] as { targets: number; rate: number; chance: number } | undefined;
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
${unit === 'user' ? 'Each describes one person. ' : `Each describes a group of at least ${verbalize.config['minUsers']} people who take part in the same communities. `}Every claim cites the evidence it
rests on. The texts were written by: ${personas[0]?.provenance.generator ?? 'nobody'}.

**These are ${personas.every(({ provenance }) => provenance.generator === 'template') ? 'machine' : 'model'}-written stereotypes of ${unit === 'user' ? 'what single people do: personal data. Do not publish them' : 'clusters, not people'}.** Do not use them to decide anything about a person.

## How they were checked

${claims(personas)} Each claim cites rows of evidence, and its numbers are those of the rows. Removed before publication: claims without or against
evidence, contradictions, copied wording, names of accounts, links, addresses; what was removed is counted in each persona's \`provenance\`.
Every row stands for at least ${verbalize.config['minEvidenceUsers']} people. Communities of health, sexuality, religion, politics, ethnicity, drugs, minors and over-18
content are left out${allowed === '' ? '' : `, except ${allowed}, which were asked for`}; that list is made of names, and no such list is complete.
Re-identification: a nearest-neighbour attack from the evidence back to ${attack?.targets ?? 'all'} people, by somebody who knows everybody's communities,
named the right one in ${attack ? Number((100 * attack.rate).toPrecision(2)) : '?'} % of attacks (by chance ${attack ? Number((100 * attack.chance).toPrecision(2)) : '?'} %).

## From what to what

| stage | unit | read | kept | dropped |
|---|---|---|---|---|
${accounting.join('\n')}

Graph: ${graph.counts['numUsers']} users, ${graph.counts['numSubreddits']} subreddits, ${graph.counts['numEdges']} edges. Clusters: ${cluster.counts['clusters']}
(structure: ${cluster.counts['structure']}). Seed ${ingest.seed}, mine-personas ${verbalize.environment.package}.

## Limits

- Who does not write is not seen; who writes much is seen more. Communities differ in age, country, gender and language, and so do these personas.
- Names of accounts were replaced by keyed hashes while the input was read; ${verbalize.config['snippets'] ? 'a few texts were shown to the model, and their wording must not appear here' : 'no text of a post or comment was used'}.
- Bots were dropped by list and by name, over-18 communities by their own marks: some of each remain.
`;
}

function claims(personas: readonly Persona[]): string {
  const written = personas.reduce((sum, { provenance }) => sum + provenance.verification.claimsIn, 0);
  const kept = personas.reduce((sum, { provenance }) => sum + provenance.verification.claimsKept, 0);
  return `${kept} of ${written} claims that were written are published.`;
}
