import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { readBatches, readTable } from '../artifacts/arrow.js';
import type { Manifest } from '../artifacts/manifest.js';
import { readManifest } from '../artifacts/manifest.js';
import type { RunDirectory } from '../artifacts/run-directory.js';
import { ASSIGNMENTS, CLUSTERS, EDGES, GRAPH_SUBREDDITS, PROJECTION } from '../artifacts/tables.js';
import { InputError, IntegrityError, messageOf } from '../core/errors.js';
import { Random } from '../core/random.js';
import { EVIDENCE_DEFAULTS, type EvidencePack } from '../personas/evidence.js';
import { type Persona, personaSchema } from '../personas/persona.js';
import {
  assignByLinks,
  diversity,
  type GroupCounts,
  type Matching,
  matchOwnGroup,
  personaText,
  type RankingScore,
  rankHidden,
  scorePersonas,
  type TestUser,
  withPopularity,
} from '../personas/quality.js';
import { TextScorer } from '../personas/text-scorer.js';
import { verbalize } from '../personas/verbalize.js';
import { verifyDraft } from '../personas/verify.js';
import type { StageName } from './stage.js';

export interface PersonaEvaluation {
  readonly personas: number;
  readonly generator: string;
  readonly testUsers: number;
  readonly ranking: Readonly<Record<string, RankingScore>>; // by method
  readonly matching: Readonly<Record<string, Matching>>; // by writer
  readonly ownVersusOther: Readonly<Record<string, { readonly preferred: number; readonly gap: number }>>;
  readonly diversity: Readonly<Record<string, { readonly meanDistance: number; readonly distinct2: number }>>;
  readonly coverage: { readonly users: number; readonly links: number }; // parts of all
  readonly support: {
    readonly claims: number; // published
    readonly rate: number; // of those, supported when checked again
    readonly keptRate: number; // of those that were written, kept by the checks
    readonly rowsWrong: number; // rows of evidence whose users or share are not what the graph says
  };
}

export interface EvaluatePersonasOptions {
  readonly personasPath: string;
  readonly users: number; // asked about at the most
  readonly candidates: number; // groups in the matching test, its own included
  readonly seed: number;
}

/** Part of a person's links that is hidden, and the links a person needs to be asked about. */
const HIDDEN = 0.2;
const MIN_LINKS = 5;
const LOT = 50; // people drawn per group in the matching test
const DRAWS = 20;

/**
 * Measures personas of groups by what they are for: telling what their people do that one has not seen, and picking out
 * their own people. No model and no judge; a reader of words that is the same for all (`TextScorer`). The template's
 * personas over the same evidence stand beside those of a language model.
 *
 * Links of the people who are asked about are taken out of every count here, and their group is chosen by their visible
 * links. The personas were written from groups of which each of them is one in hundreds or more.
 */
export async function evaluatePersonas(
  run: RunDirectory,
  options: EvaluatePersonasOptions,
): Promise<PersonaEvaluation> {
  const random = new Random(options.seed).fork('evaluate personas');
  const personas = (await readPersonas(options.personasPath)).filter(({ unit }) => unit === 'cluster');
  if (personas.length < 2)
    throw new InputError(
      'ERR_PERSONAS',
      `${options.personasPath} holds ${personas.length} personas of groups; at least two are needed to compare.`,
      { path: options.personasPath },
    );
  const graph = await stageOf(run, 'build-graph');
  const clusterStage = await stageOf(run, 'cluster');
  const { name: names, users: usersTotal } = await readTable(graph.folder, GRAPH_SUBREDDITS);
  const { cluster: clusterOf } = await readTable(clusterStage.folder, ASSIGNMENTS);
  const { centroid, users: sizes } = await readTable(clusterStage.folder, CLUSTERS);
  const clusters = personas.map(({ id }) => Number(id.replace('cluster-', '')));
  if (clusters.some((cluster) => !(cluster < sizes.length)))
    throw new InputError(
      'ERR_PERSONAS',
      `${options.personasPath} was written from other clusters than those in ${run.path}.`,
      {
        path: options.personasPath,
      },
    );
  const groupOf = new Map(clusters.map((cluster, g) => [cluster, g]));

  const asked = chooseUsers(clusterOf, groupOf, options.users, random.fork('users'));
  const links = await readLinks(graph.folder, clusterOf, groupOf, asked, names.length, personas.length);
  const popularity = Float64Array.from(usersTotal, (n, s) => n - links.askedIn[s]);
  const tests = links.people.filter(({ links: own }) => own.length >= MIN_LINKS);
  const users: TestUser[] = tests.map(({ user, links: own }) => {
    const shuffled = random.fork('hide', user).shuffle(Uint32Array.from(own));
    const cut = Math.max(1, Math.round(own.length * HIDDEN));
    return { hidden: shuffled.subarray(0, cut), visible: shuffled.subarray(cut) };
  });
  const assigned = users.map(({ visible }) => assignByLinks(visible, links.groups));

  const scorer = new TextScorer(names, await readLikeness(graph, names.length));
  const isTemplate = personas.every(({ provenance }) => provenance.generator === 'template');
  const writers: Record<string, readonly Persona[]> = { persona: personas };
  if (!isTemplate) writers['template'] = await writtenByTemplate(personas);

  const members = personas.map((_, g) => links.people.filter(({ group }) => group === g).map(({ links: own }) => own));
  const nearest = nearestGroups(centroid, centroid.length / sizes.length, clusters, options.candidates - 1);
  const other = users.map((_, i) => {
    const shift = 1 + random.fork('other', i).below(personas.length - 1);
    return (assigned[i] + shift) % personas.length;
  });
  const ranking: Record<string, RankingScore> = { popularity: rankHidden(users, () => popularity) };
  const matching: Record<string, Matching> = {};
  const ownVersusOther: Record<string, { preferred: number; gap: number }> = {};
  const different: Record<string, { meanDistance: number; distinct2: number }> = {};
  for (const [writer, written] of Object.entries(writers)) {
    const scores = scorePersonas(written, scorer);
    const mixed = scores.map((score) => withPopularity(score, popularity));
    ranking[`${writer} alone`] = rankHidden(users, (i) => scores[assigned[i]]);
    ranking[`${writer} × popularity`] = rankHidden(users, (i) => mixed[assigned[i]]);
    ranking[`another group's ${writer} × popularity`] = rankHidden(users, (i) => mixed[other[i]]);
    matching[writer] = matchOwnGroup(scores, nearest, members, popularity, {
      lot: LOT,
      draws: DRAWS,
      random: random.fork('match'),
    });
    ownVersusOther[writer] = compareOwn(users, scores, assigned, other);
    different[writer] = diversity(written.map(personaText));
  }
  const counts = links.groups.map(({ usersIn }) => usersIn);
  ranking['counts of the group (a ceiling)'] = rankHidden(users, (i) => counts[assigned[i]]);

  return {
    personas: personas.length,
    generator: isTemplate ? 'template' : (personas[0].provenance.model ?? 'language-model'),
    testUsers: users.length,
    ranking,
    matching,
    ownVersusOther,
    diversity: different,
    coverage: links.coverage(personas, names),
    support: checkSupport(personas, links.allGroups, links.allUsers, names),
  };
}

async function stageOf(run: RunDirectory, stage: StageName): Promise<{ folder: string; manifest: Manifest }> {
  const folder = run.stageFolder(stage);
  const manifest = await readManifest(folder);
  if (!manifest)
    throw new InputError('ERR_STAGE_MISSING', `${run.path}: ${stage} has not finished. Run it first.`, { stage });
  return { folder, manifest };
}

async function readPersonas(path: string): Promise<Persona[]> {
  const personas: Persona[] = [];
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(path) })) {
      line++;
      if (text !== '') personas.push(personaSchema.parse(JSON.parse(text)));
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT')
      throw new InputError(
        'ERR_PERSONAS',
        `There are no personas in ${path}. Run verbalize first, or name a file with --personas.`,
        { path },
      );
    throw new IntegrityError('ERR_PERSONAS', `${path}:${line}: not a persona: ${messageOf(thrown)}`, { path, line });
  }
  return personas;
}

/** People to ask about, the same number of each group as far as there are that many; never more than a tenth of a group. */
function chooseUsers(
  clusterOf: Int32Array,
  groupOf: ReadonlyMap<number, number>,
  most: number,
  random: Random,
): Set<number> {
  const byGroup = new Map<number, number[]>();
  clusterOf.forEach((cluster, user) => {
    const group = groupOf.get(cluster);
    if (group === undefined) return;
    const list = byGroup.get(group);
    if (list) list.push(user);
    else byGroup.set(group, [user]);
  });
  const perGroup = Math.ceil(most / byGroup.size);
  const chosen = new Set<number>();
  for (const [group, users] of [...byGroup].sort(([a], [b]) => a - b)) {
    const shuffled = random.fork(group).shuffle(Uint32Array.from(users) as Uint32Array);
    for (const user of shuffled.subarray(0, Math.min(perGroup, Math.ceil(users.length / 10)))) chosen.add(user);
  }
  return chosen;
}

async function readLinks(
  folder: string,
  clusterOf: Int32Array,
  groupOf: ReadonlyMap<number, number>,
  asked: ReadonlySet<number>,
  numSubreddits: number,
  numGroups: number,
) {
  const groups: GroupCounts[] = Array.from({ length: numGroups }, () => ({
    users: 0,
    usersIn: new Float64Array(numSubreddits),
  }));
  const allGroups = groups.map(() => new Float64Array(numSubreddits)); // the asked people included
  const allUsers = new Float64Array(numGroups);
  const askedIn = new Float64Array(numSubreddits);
  const people: { user: number; group: number; links: number[] }[] = [];
  const restUsers = new Float64Array(numGroups);
  for (let user = 0; user < clusterOf.length; user++) {
    const group = groupOf.get(clusterOf[user]);
    if (group === undefined) continue;
    allUsers[group]++;
    if (!asked.has(user)) restUsers[group]++;
  }
  let all = 0;
  for await (const { user, subreddit } of readBatches(folder, EDGES))
    for (let i = 0; i < user.length; i++) {
      all++;
      const group = groupOf.get(clusterOf[user[i]]);
      if (group === undefined) continue;
      allGroups[group][subreddit[i]]++;
      if (!asked.has(user[i])) {
        groups[group].usersIn[subreddit[i]]++;
        continue;
      }
      askedIn[subreddit[i]]++;
      if (people.at(-1)?.user !== user[i]) people.push({ user: user[i], group, links: [] });
      people[people.length - 1].links.push(subreddit[i]);
    }
  return {
    groups: groups.map(({ usersIn }, g) => ({ users: restUsers[g], usersIn })),
    allGroups,
    allUsers,
    askedIn,
    people: people.map(({ user, group, links }) => ({ user, group, links: Uint32Array.from(links) })),
    /** Parts of all users that a persona describes, and of all links that fall on its evidence. */
    coverage(personas: readonly Persona[], names: readonly string[]) {
      const idOf = new Map(names.map((name, s) => [name, s]));
      const cited = personas.reduce(
        (sum, { evidence }, g) =>
          sum + evidence.reduce((n, row) => n + (allGroups[g][idOf.get(row.subreddit) ?? -1] ?? 0), 0),
        0,
      );
      const described = allUsers.reduce((a, b) => a + b, 0);
      return {
        users: Number((described / Math.max(1, clusterOf.length)).toFixed(4)),
        links: Number((cited / Math.max(1, all)).toFixed(4)),
      };
    },
  };
}

async function readLikeness(graph: { folder: string; manifest: Manifest }, numSubreddits: number) {
  const numRows = graph.manifest.outputs[PROJECTION.file]?.rows ?? 0;
  const rowPtr = new Uint32Array(numSubreddits + 1);
  const target = new Uint32Array(numRows);
  const cosine = new Float32Array(numRows);
  let at = 0;
  for await (const batch of readBatches(graph.folder, PROJECTION)) {
    target.set(batch.target, at);
    cosine.set(batch.cosine, at);
    for (const source of batch.source) rowPtr[source + 1]++;
    at += batch.source.length;
  }
  for (let s = 0; s < numSubreddits; s++) rowPtr[s + 1] += rowPtr[s];
  return { rowPtr, target, cosine };
}

/** What the template makes of the evidence that the personas carry. */
async function writtenByTemplate(personas: readonly Persona[]): Promise<Persona[]> {
  const packs: EvidencePack[] = personas.map(({ id, unit, size, evidence, neighbours }) => ({
    id,
    unit,
    size,
    evidence,
    neighbours: neighbours ?? [],
    tokens: 0,
    snippets: {},
    excluded: 0,
  }));
  const written: Persona[] = [];
  const onPersona = (persona: Persona) => void written.push(persona);
  await verbalize(packs, { runFingerprint: 'evaluation', seed: 0, onPersona });
  return written;
}

/** Groups by the cosine of their centroids, nearest first, as indices of personas. */
function nearestGroups(centroid: Float32Array, dim: number, clusters: readonly number[], count: number): number[][] {
  const cosine = (a: number, b: number) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += centroid[a * dim + d] * centroid[b * dim + d];
    return sum;
  };
  return clusters.map((own, g) =>
    clusters
      .map((other, index) => ({ index, likeness: cosine(own, other) }))
      .filter(({ index }) => index !== g)
      .sort((a, b) => b.likeness - a.likeness || a.index - b.index)
      .slice(0, count)
      .map(({ index }) => index),
  );
}

/** How often, and by how much, the hidden links score higher with one's own persona than with another group's. */
function compareOwn(
  users: readonly TestUser[],
  scores: readonly Float32Array[],
  own: readonly number[],
  other: readonly number[],
): { preferred: number; gap: number } {
  let preferred = 0;
  let gap = 0;
  users.forEach(({ hidden }, i) => {
    const mean = (score: Float32Array) => hidden.reduce((sum, s) => sum + score[s], 0) / hidden.length;
    const [a, b] = [mean(scores[own[i]]), mean(scores[other[i]])];
    preferred += a > b ? 1 : a === b ? 0.5 : 0;
    gap += a - b;
  });
  const n = Math.max(1, users.length);
  return { preferred: Number((preferred / n).toFixed(4)), gap: Number((gap / n).toFixed(4)) };
}

/** Checks published claims once more against their rows, and the rows against the graph. */
function checkSupport(
  personas: readonly Persona[],
  groups: readonly Float64Array[],
  users: Float64Array,
  names: readonly string[],
): PersonaEvaluation['support'] {
  const idOf = new Map(names.map((name, s) => [name, s]));
  let claims = 0;
  let supported = 0;
  let written = 0;
  let kept = 0;
  let rowsWrong = 0;
  personas.forEach((persona, g) => {
    const { verification } = persona.provenance;
    written += verification.claimsIn;
    kept += verification.claimsKept;
    claims += persona.claims.length;
    const options = { minShare: EVIDENCE_DEFAULTS.minShare, users: persona.size.users };
    supported += verifyDraft(persona, persona.evidence, options).draft.claims.length;
    for (const row of persona.evidence) {
      const count = groups[g][idOf.get(row.subreddit) ?? -1];
      if (count !== row.users || Math.abs(row.share - count / users[g]) > 1e-3) rowsWrong++;
    }
  });
  return {
    claims,
    rate: Number((supported / Math.max(1, claims)).toFixed(4)),
    keptRate: Number((kept / Math.max(1, written)).toFixed(4)),
    rowsWrong,
  };
}
