import { readTable } from '../artifacts/arrow.js';
import { interactionFiles, mergeInteractions } from '../artifacts/load-interactions.js';
import type { Accounting } from '../artifacts/manifest.js';
import type { RunDirectory } from '../artifacts/run-directory.js';
import { ASSIGNMENTS, GRAPH_USERS, INGESTED_SUBREDDITS, INGESTED_USERS } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import { sensitivityOf } from '../personas/sensitive.js';

/** What the people of a persona took up after the persona was made. */
export interface LaterBehaviour {
  readonly persona: string;
  readonly people: number; // of the persona, seen in the later input
  readonly subreddits: readonly {
    readonly subreddit: string;
    readonly users: number; // of the people, for whom it is new
    readonly lift: number; // their share over that of all people seen
  }[]; // most users first
}

/**
 * Held-out behaviour that cannot have leaked: links in input that the run has never read, of people whom it has, to
 * subreddits that they had no link to. Counted by persona; a row of fewer than `minUsers` people is left out, as in the
 * personas, and so are sensitive communities.
 *
 * @param later a run whose `ingest` read the later input, under the key of `run`
 */
export async function laterBehaviour(
  run: RunDirectory,
  later: RunDirectory,
  personas: readonly string[],
  minUsers: number,
): Promise<{ rows: LaterBehaviour[]; accounting: Accounting }> {
  const before = await ingested(run);
  const after = await ingested(later);
  const { ingested_user: ingestedUser } = await readTable(run.stageFolder('build-graph'), GRAPH_USERS);
  const { cluster } = await readTable(run.stageFolder('cluster'), ASSIGNMENTS);
  const personaOf = new Int32Array(before.pseudonym.length).fill(-1); // by user of the run
  const position = new Map(personas.map((id, p) => [id, p]));
  ingestedUser.forEach((user, row) => {
    personaOf[user] = position.get(`cluster-${String(cluster[row]).padStart(4, '0')}`) ?? -1;
  });

  const idBefore = new Map(before.name.map((name, s) => [name.toLowerCase(), s]));
  const known = after.name.map((name) => idBefore.get(name.toLowerCase()) ?? -1);
  const people = new Float64Array(personas.length);
  const usersIn = personas.map(() => new Float64Array(after.name.length));
  const dropped = {
    'person-not-in-run': 0,
    'person-without-persona': 0,
    'known-to-run': 0,
    'few-people': 0,
    sensitive: 0,
  };
  let read = 0;
  let met = 0;

  const earlier = before.people();
  let own = await earlier.next();
  for await (const { user, subreddits } of after.people()) {
    read += subreddits.length;
    const pseudonym = after.pseudonym[user];
    while (!own.done && before.pseudonym[own.value.user] < pseudonym) own = await earlier.next();
    if (own.done || before.pseudonym[own.value.user] !== pseudonym) {
      dropped['person-not-in-run'] += subreddits.length;
      continue;
    }
    met++;
    const persona = personaOf[own.value.user];
    if (persona < 0) {
      dropped['person-without-persona'] += subreddits.length;
      continue;
    }
    people[persona]++;
    const had = new Set(own.value.subreddits);
    for (const s of subreddits)
      if (had.has(known[s])) dropped['known-to-run']++;
      else usersIn[persona][s]++;
  }
  if (met === 0)
    throw new InputError(
      'ERR_LATER',
      `${later.path}: none of its ${after.pseudonym.length} people is in ${run.path}. Read the later input with the key of that run (--key-file).`,
      { run: run.path, later: later.path },
    );

  const allPeople = people.reduce((a, b) => a + b, 0);
  const rows = personas.map((persona, p) => {
    const subreddits: LaterBehaviour['subreddits'][number][] = [];
    usersIn[p].forEach((users, s) => {
      if (users === 0) return;
      const subreddit = after.name[s];
      const sensitive = sensitivityOf(subreddit) !== undefined;
      if (sensitive || users < minUsers) {
        dropped[sensitive ? 'sensitive' : 'few-people'] += users;
        return;
      }
      const all = usersIn.reduce((sum, column) => sum + column[s], 0);
      subreddits.push({ subreddit, users, lift: Number((users / people[p] / (all / allPeople)).toFixed(3)) });
    });
    subreddits.sort((a, b) => b.users - a.users || (a.subreddit < b.subreddit ? -1 : 1));
    return { persona, people: people[p], subreddits };
  });
  const kept = read - Object.values(dropped).reduce((sum, n) => sum + n, 0);
  return { rows, accounting: { unit: 'later links', read, kept, dropped } };
}

/** People of an ingested run in the order of their pseudonyms, with their subreddits. */
async function ingested(run: RunDirectory) {
  const folder = run.stageFolder('ingest');
  const { pseudonym } = await readTable(folder, INGESTED_USERS);
  const { name } = await readTable(folder, INGESTED_SUBREDDITS);
  return {
    pseudonym,
    name,
    async *people(): AsyncGenerator<{ user: number; subreddits: number[] }> {
      let own: { user: number; subreddits: number[] } | undefined;
      for await (const { length, user, subreddit } of mergeInteractions(
        folder,
        await interactionFiles(folder),
        name.length,
      ))
        for (let i = 0; i < length; i++) {
          if (own?.user !== user[i]) {
            if (own) yield own;
            own = { user: user[i], subreddits: [] };
          }
          own.subreddits.push(subreddit[i]);
        }
      if (own) yield own;
    },
  };
}
