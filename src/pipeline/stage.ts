import type { Accounting, Manifest } from '../artifacts/manifest.js';
import type { Log } from '../core/log.js';
import type { Random } from '../core/random.js';
import type { RunConfig } from './config.js';

/** One step of the pipeline: folders of earlier stages in, one folder out. */
export interface Stage {
  readonly name: StageName;
  readonly version: number; // raise when the meaning of the output changes
  readonly inputs: readonly StageName[];
  /** The settings that the output depends on; a change of any other leaves the stage fresh. */
  config(config: RunConfig): Readonly<Record<string, unknown>>;
  /** Identity of what the stage reads from outside the run: dumps, lists, a server. */
  external?(job: Job): Promise<Readonly<Record<string, unknown>>>;
  run(context: StageContext): Promise<StageSummary>;
}

export const STAGE_NAMES = ['ingest', 'build-graph', 'train', 'embed', 'cluster', 'verbalize', 'export'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

/** What a person asked for. */
export interface Job {
  readonly config: RunConfig;
  readonly inputs: readonly string[]; // files, folders, globs or '-', as given
  readonly secrets: Secrets;
}

/** What must never reach a manifest or a log. */
export interface Secrets {
  readonly key: Uint32Array; // [4], 128 bits of SipHash
  readonly keyFingerprint: string; // safe to publish
  readonly llmApiKey?: string;
}

export interface StageContext extends Job {
  readonly folder: string; // empty; becomes the stage's folder when `run` returns
  readonly runFolder: string; // of the whole run: for what outlives a stage, such as recorded replies
  readonly scratch: string; // survives a kill, is gone once the stage has finished
  readonly cache: string; // outlives the stage; whatever is in it may be gone at the next run
  readonly random: Random; // the stage's own
  readonly log: Log;
  readonly signal: AbortSignal; // aborted: checkpoint and throw its reason
  input(stage: StageName): { readonly folder: string; readonly manifest: Manifest };
}

export interface StageSummary {
  readonly rows?: Readonly<Record<string, number>>; // file → rows, where known
  readonly accounting?: readonly Accounting[];
  readonly counts?: Readonly<Record<string, unknown>>; // what a person wants to see
  readonly notes?: readonly string[];
  readonly engine?: string;
}
