import { open } from 'node:fs/promises';
import { readTable } from '../artifacts/arrow.js';
import { hashFile } from '../artifacts/manifest.js';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { ASSIGNMENTS } from '../artifacts/tables.js';
import { PrivacyError } from '../core/errors.js';
import { openModel } from '../llm/open-model.js';
import type { ClusterProfile, EvidencePack } from '../personas/evidence.js';
import { personaJsonSchema } from '../personas/persona.js';
import { type Reidentification, reidentify } from '../personas/reidentification.js';
import { verbalize as verbalizePacks } from '../personas/verbalize.js';
import { pick, type RunConfig } from './config.js';
import { clusterPacks, profileClusters, userPacks, usersWithSubreddits } from './persona-evidence.js';
import type { Stage, StageContext, StageSummary } from './stage.js';

/** A cluster of which more than this falls on communities that must not be shown is not described by the rest of it. */
const MAX_EXCLUDED = 0.5;
/** Single users whose personas are attacked for the figure in the manifest. */
const ATTACKED_USERS = 500;

/** Clusters in, or single users where someone insists; personas.jsonl out. */
export const verbalize: Stage = {
  name: 'verbalize',
  version: 3,
  inputs: ['ingest', 'build-graph', 'embed', 'cluster'],
  config: (config) => ({
    ...pick(config, 'unit', 'minUsers', 'minEvidenceUsers', 'evidenceRows', 'evidenceTokens', 'snippets'),
    ...(config.unit === 'user' && config.facets > 1 && pick(config, 'facets')),
    ...pick(config, 'includeSensitive', 'includeOver18', 'judge'),
    ...(config.llm !== 'template' || config.judge ? pick(config, 'llmModel', 'llmTemperature', 'llmPrompt') : {}),
    llm: config.llm.replace(/^gguf:.*[/\\]/, 'gguf:'), // where a model lies does not matter
  }),
  async external({ config: { subredditInfo } }) {
    return subredditInfo === undefined ? {} : { subredditInfo: await hashFile(subredditInfo) };
  },
  async run(context) {
    const { folder, config, random, log, signal } = context;
    const prepared = config.unit === 'user' ? prepareUsers(context) : await prepareClusters(context);
    const opened = await openModel(config, {
      apiKey: context.secrets.llmApiKey,
      random: random.fork('retries'),
      cachePath: `${context.runFolder}/llm-cache.jsonl`,
    });
    const personas = await open(`${folder}/personas.jsonl`, 'w', 0o600);
    const failures = await open(`${folder}/failures.jsonl`, 'w', 0o600);
    try {
      let written = 0;
      let failed = 0;
      const lines = new Lines(personas);
      const summary = await verbalizePacks(prepared.packs, {
        model: opened?.model,
        judge: config.judge ? opened?.model : undefined,
        promptForm: config.llmPrompt,
        runFingerprint: context.input('cluster').manifest.fingerprint.slice(0, 16),
        seed: config.seed,
        temperature: config.llmTemperature,
        inFlight: 2 * config.llmConcurrency,
        signal,
        async onPersona(persona) {
          await lines.add(JSON.stringify(persona));
          written++;
          log.progress({ task: 'verbalize', done: written, total: prepared.total, unit: 'personas' });
        },
        async onFailure(failure) {
          if (failed++ < 20) log.warn(`a persona was not written: ${failure.message}`);
          await failures.writeFile(`${JSON.stringify(failure)}\n`);
        },
      });
      await lines.flush();
      await personas.sync();
      await failures.sync();
      await writeFileDurably(`${folder}/persona.schema.json`, `${JSON.stringify(personaJsonSchema(), null, 2)}\n`);
      const reidentification = await prepared.attack();
      return {
        rows: { 'personas.jsonl': summary.written, 'failures.jsonl': summary.failed },
        accounting: prepared.accounting(summary.written, summary.failed),
        counts: {
          personas: summary.written,
          generator: opened?.model.id ?? 'template',
          calls: summary.calls,
          usage: summary.usage,
          ...(opened && { spent: opened.spent() }),
          reidentification,
        },
        notes: [
          ...prepared.notes,
          ...notesOn(config, reidentification),
          ...notesOnFailures(summary.failed, opened?.cache),
        ],
      };
    } finally {
      await personas.close();
      await failures.close();
      await opened?.close();
    }
  },
};

/** What differs between groups and single users. */
interface Prepared {
  readonly packs: readonly EvidencePack[] | AsyncIterable<EvidencePack>;
  readonly total: number;
  accounting(written: number, failed: number): NonNullable<StageSummary['accounting']>;
  attack(): Promise<Reidentification>;
  readonly notes: readonly string[];
}

async function prepareClusters({ input, config, random }: StageContext): Promise<Prepared> {
  const { profiles, corpus } = await profileClusters(input);
  const speakable = speakableClusters(profiles, config);
  const all = await clusterPacks(speakable, corpus, input, config);
  const packs = all.filter(isDescribable);
  if (packs.length === 0)
    throw new PrivacyError(
      'ERR_GROUPS_SENSITIVE',
      `What sets the ${all.length} groups apart are communities that must not be shown (health, sexuality, religion, politics and the like), so no persona may be written. Allow the categories you have a basis for with --include-sensitive.`,
      { groups: all.length },
    );
  const tooSmall = profiles.length - speakable.length;
  const sensitive = all.length - packs.length;
  return {
    packs,
    total: packs.length,
    accounting: (written, failed) => [
      {
        unit: 'clusters',
        read: profiles.length,
        kept: written,
        dropped: { 'below-min-users': tooSmall, sensitive, failed },
      },
    ],
    async attack() {
      const { cluster: clusterOf } = await readTable(input('cluster').folder, ASSIGNMENTS);
      const packOf = new Map(packs.map((pack, n) => [Number(pack.id.replace('cluster-', '')), n]));
      const personaOf = (user: number) => packOf.get(clusterOf[user]) ?? -1;
      return reidentify(packs, usersWithSubreddits(input), personaOf, clusterOf.length, random.fork('attack'));
    },
    notes: [
      ...(tooSmall > 0 ? [`${tooSmall} clusters of fewer than ${config.minUsers} people were not described`] : []),
      ...(sensitive > 0 ? [`${sensitive} clusters were not described: sensitive communities set them apart`] : []),
    ],
  };
}

/** Whether a group is more than the communities that must not be shown. */
export function isDescribable({ excluded }: EvidencePack): boolean {
  return excluded <= MAX_EXCLUDED;
}

/** The clusters of which a persona may be written at all. Throws `PrivacyError` where there is none. */
export function speakableClusters(profiles: readonly ClusterProfile[], { minUsers }: RunConfig): ClusterProfile[] {
  const speakable = profiles.filter(({ users }) => users >= minUsers);
  if (speakable.length === 0)
    throw new PrivacyError(
      'ERR_GROUPS_TOO_SMALL',
      `No cluster holds ${minUsers} people (the largest: ${profiles.reduce((most, { users }) => Math.max(most, users), 0)}), so no persona may be written. ` +
        'Add data, take fewer clusters with --clusters, or lower --min-users.',
      { minUsers, clusters: profiles.length },
    );
  return speakable;
}

function prepareUsers({ input, config, random }: StageContext): Prepared {
  const numUsers = input('build-graph').manifest.counts['numUsers'] as number;
  return {
    packs: userPacks(input, config),
    total: numUsers,
    accounting: (written, failed) => [{ unit: 'users', read: written + failed, kept: written, dropped: { failed } }],
    async attack() {
      // every n-th user stands for all: their order is that of hashes
      const step = Math.max(1, Math.floor(numUsers / ATTACKED_USERS));
      const packs: EvidencePack[] = [];
      const packOf = new Map<number, number>();
      let user = 0;
      for await (const pack of userPacks(input, config)) {
        if (user % step === 0 && pack.evidence.length > 0) {
          packOf.set(user, packs.length);
          packs.push(pack);
        }
        user++;
      }
      return reidentify(packs, usersWithSubreddits(input), (u) => packOf.get(u) ?? -1, numUsers, random.fork('attack'));
    },
    notes: ['PERSONAS OF SINGLE PEOPLE: personal data, whatever their names; do not publish them'],
  };
}

function notesOn({ unit, minUsers }: RunConfig, { rate, membershipAuc }: Reidentification): string[] {
  const attack = `re-identification: an attacker who knows everybody's communities names the right person in ${percent(rate)} of attacks`;
  return [
    ...(unit === 'cluster' && minUsers < 1000
      ? [`personas may describe groups of only ${minUsers} people (default 1,000): check them before you publish them`]
      : []),
    membershipAuc === null ? attack : `${attack}; tells members from others at AUC ${membershipAuc}`,
  ];
}

/** Only the failures of a model may end otherwise when it is asked again. */
function notesOnFailures(failed: number, cache: unknown): string[] {
  if (failed === 0 || cache === undefined) return [];
  return [
    `${failed} personas failed, for the reasons in failures.jsonl; verbalize --force asks again for these alone, but for replies that came and were of no use (ERR_LLM_REPLY)`,
  ];
}

function percent(rate: number): string {
  return `${Number((100 * rate).toPrecision(2))} %`;
}

/** Lines that are written some hundred at a time. */
class Lines {
  private waiting: string[] = [];

  constructor(private readonly file: { writeFile(text: string): Promise<void> }) {}

  async add(line: string): Promise<void> {
    this.waiting.push(`${line}\n`);
    if (this.waiting.length >= 256) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.waiting.join('');
    this.waiting = [];
    await this.file.writeFile(text);
  }
}
