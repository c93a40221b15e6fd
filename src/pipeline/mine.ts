import { buildGraph } from './build-graph.js';
import { cluster } from './cluster.js';
import { embed } from './embed.js';
import { exportPersonas } from './export.js';
import { ingest } from './ingest.js';
import type { Stage } from './stage.js';
import { train } from './train.js';
import { verbalize } from './verbalize.js';

/** From dump to personas.jsonl. Each stage reads the folders of earlier stages and writes its own. */
export const MINE_STAGES: readonly Stage[] = [ingest, buildGraph, train, embed, cluster, verbalize, exportPersonas];
