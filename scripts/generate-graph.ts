/**
 * Generates a user–subreddit graph as sorted shards of interactions, with its truth: for measuring at sizes for which
 * there is no data. What ingest would leave of dumps of that size, without the dumps.
 *
 *     npx tsx scripts/generate-graph.ts --users 22000000 --subreddits 40000 --edges 300000000 OUT
 *     mine-personas ingest OUT --format shards --out RUN
 *
 * Users are active to very different degrees (log-normal), subreddits popular likewise (Zipf), and communities are
 * planted: a user takes most of its subreddits from its community, the others from everywhere, both by popularity. Each
 * edge lies in one shard, every tenth in two. Same options, same bytes.
 *
 * With `--tastes` every user and every subreddit has a taste in images as well, mostly independent of its community: a user
 * takes most of its subreddits from those of its taste, and some of its users post images that show it
 * (`image-vectors.arrow`, to be given to `--image-vectors`). What a person sees in a community and how it looks differ, and
 * only together they tell which subreddits it takes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ROWS_PER_BATCH, readTable, TableWriter, writeTable } from '../src/artifacts/arrow.js';
import { INGESTED_SUBREDDITS, INGESTED_USERS, INTERACTIONS, type TableDefinition } from '../src/artifacts/tables.js';
import { Random } from '../src/core/random.js';
import { writeVectorTable } from '../src/vision/vector-table.js';
import { PlantedImages } from './planted-images.js';

export interface GraphPlan {
  readonly users: number;
  readonly subreddits: number;
  readonly edges: number; // aimed at; what comes out is within a few percent where users have far fewer than subreddits
  readonly communities: number;
  readonly shards: number;
  readonly seed: number;
  readonly tastes?: number | undefined; // in images; none by default
  readonly imageDim?: number | undefined;
}

export interface GeneratedGraph {
  readonly edges: number;
  readonly rows: number; // of all shards; some edges lie in two
}

const TRUTH_USERS = {
  file: 'truth-users.arrow',
  description: 'Planted community of each user.',
  columns: { id: { type: 'u32', description: '' }, community: { type: 'u32', description: '' } },
} as const satisfies TableDefinition;
const TRUTH_SUBREDDITS = {
  ...TRUTH_USERS,
  file: 'truth-subreddits.arrow',
  description: 'Planted community of each subreddit.',
} as const;

const OWN_SHARE = 0.75; // of a user's subreddits that come from its community
const OWN_TASTE_SHARE = 0.8; // of a user's subreddits that are of its taste
const TIED_SHARE = 0.2; // of users and subreddits whose taste follows from their community
const WITH_IMAGES_SHARE = 0.5; // of users
const IMAGE_DIM = 64;
const DEGREE_SIGMA = 1.2; // of the logarithm
const ZIPF_SHIFT = 10; // the n-th subreddit has popularity 1 / (n + shift)
const IN_TWO_SHARDS = 0.1;
const FIRST_UTC = 1_640_995_200; // 2022-01-01
const SECONDS = 2 * 365 * 86_400;

const TASTE = {
  description: 'Planted taste in images.',
  columns: { id: { type: 'u32', description: '' }, taste: { type: 'u32', description: '' } },
} as const;
const TRUTH_USER_TASTES = { ...TASTE, file: 'truth-user-tastes.arrow' } as const satisfies TableDefinition;
const TRUTH_SUBREDDIT_TASTES = { ...TASTE, file: 'truth-subreddit-tastes.arrow' } as const satisfies TableDefinition;

/** Writes `users.arrow`, `subreddits.arrow`, `interactions-<n>.arrow` and the truth (`truth*`) into an existing folder. */
export function generateGraph(plan: GraphPlan, folder: string): GeneratedGraph {
  const random = new Random(plan.seed).fork('graph');
  const popularity = new Float64Array(plan.subreddits);
  const communityOf = new Uint32Array(plan.subreddits);
  const ranks = random.shuffle(Uint32Array.from(popularity, (_, s) => s)); // popularity says nothing about the id
  const drawCommunity = random.fork('communities');
  for (let s = 0; s < plan.subreddits; s++) {
    popularity[s] = 1 / (ranks[s] + 1 + ZIPF_SHIFT);
    communityOf[s] = s < plan.communities ? s : drawCommunity.below(plan.communities); // none stays empty
  }
  const everywhere = new AliasTable(popularity);
  const members = Array.from({ length: plan.communities }, () => [] as number[]);
  for (let s = 0; s < plan.subreddits; s++) members[communityOf[s]].push(s);
  const within = members.map(
    (ids) =>
      new AliasTable(
        Float64Array.from(ids, (s) => popularity[s]),
        ids,
      ),
  );
  const tastes = planTastes(plan, popularity, communityOf, random.fork('tastes'));
  const ofUsers = new AliasTable(Float64Array.from(members, (ids) => ids.reduce((sum, s) => sum + popularity[s], 0)));

  writeTable(folder, INGESTED_SUBREDDITS, { id: counting(plan.subreddits), name: namesOf(plan.subreddits) });
  writeTable(folder, TRUTH_SUBREDDITS, { id: counting(plan.subreddits), community: communityOf });
  const users = new TableWriter(folder, INGESTED_USERS);
  const truth = new TableWriter(folder, TRUTH_USERS);
  const shards = Array.from(
    { length: plan.shards },
    (_, n) => new ShardBuffer(folder, `interactions-${String(n).padStart(5, '0')}.arrow`),
  );

  const mu = Math.log(plan.edges / plan.users - 0.5) - DEGREE_SIGMA ** 2 / 2;
  const maxDegree = Math.min(2000, Math.max(1, plan.subreddits >> 1));
  const row = new Uint32Array(maxDegree);
  const seenBy = new Uint32Array(plan.subreddits); // user + 1 that took it last
  let edges = 0;
  for (let begin = 0; begin < plan.users; begin += ROWS_PER_BATCH) {
    const count = Math.min(ROWS_PER_BATCH, plan.users - begin);
    const community = new Uint32Array(count);
    const pseudonym = new Uint32Array(2 * count); // little-endian u64, ascending with the id
    for (let i = 0; i < count; i++) {
      const user = begin + i;
      community[i] = ofUsers.draw(random);
      pseudonym[2 * i] = random.uint32();
      pseudonym[2 * i + 1] = Math.floor((user / plan.users) * 2 ** 32);
      const taste = tastes?.drawTaste(community[i]);
      if (tastes && taste !== undefined) tastes.ofUser.push(taste);
      const wanted = Math.min(maxDegree, Math.max(1, Math.round(Math.exp(mu + DEGREE_SIGMA * random.normal()))));
      let degree = 0;
      for (let n = 0; n < wanted; n++) {
        const isOwn = random.float() < OWN_SHARE;
        const table =
          tastes?.table(isOwn ? community[i] : undefined, taste as number) ??
          (isOwn ? within[community[i]] : everywhere);
        for (let attempt = 0; attempt < 8; attempt++) {
          const s = table.draw(random);
          if (seenBy[s] === user + 1) continue;
          seenBy[s] = user + 1;
          row[degree++] = s;
          break;
        }
      }
      const sorted = row.subarray(0, degree).sort();
      for (let n = 0; n < degree; n++) {
        const draw = random.uint32();
        const at = draw % plan.shards;
        shards[at].add(user, sorted[n], random);
        if (plan.shards > 1 && random.float() < IN_TWO_SHARDS)
          shards[(at + 1) % plan.shards].add(user, sorted[n], random);
      }
      edges += degree;
    }
    const id = counting(count).map((n) => begin + n);
    users.append({ id, pseudonym: new BigUint64Array(pseudonym.buffer) });
    truth.append({ id, community });
  }
  users.close();
  truth.close();
  const rows = shards.reduce((sum, shard) => sum + shard.close(), 0);
  if (tastes) {
    writeTable(folder, TRUTH_USER_TASTES, { id: counting(plan.users), taste: Uint32Array.from(tastes.ofUser) });
    writeTable(folder, TRUTH_SUBREDDIT_TASTES, { id: counting(plan.subreddits), taste: tastes.ofSubreddit });
  }
  const made = { edges, rows };
  writeFileSync(`${folder}/truth.json`, `${JSON.stringify({ ...plan, made }, null, 2)}\n`);
  return made;
}

interface Tastes {
  readonly ofSubreddit: Uint32Array; // [S]
  readonly ofUser: number[]; // filled user by user
  drawTaste(community: number): number;
  /** What a user of this taste draws a subreddit from; undefined where its taste plays no part this time. */
  table(community: number | undefined, taste: number): AliasTable | undefined;
}

function planTastes(
  { tastes: numTastes, communities, subreddits }: GraphPlan,
  popularity: Float64Array,
  communityOf: Uint32Array,
  random: Random,
): Tastes | undefined {
  if (!numTastes) return undefined;
  const drawTaste = (community: number) =>
    random.float() < TIED_SHARE ? community % numTastes : random.below(numTastes);
  const ofSubreddit = communityOf.map(drawTaste);
  const tableOf = (fits: (s: number) => boolean) => {
    const ids = [...counting(subreddits)].filter(fits);
    return ids.length > 0
      ? new AliasTable(
          Float64Array.from(ids, (s) => popularity[s]),
          ids,
        )
      : undefined;
  };
  const ofTaste = Array.from({ length: numTastes }, (_, t) => tableOf((s) => ofSubreddit[s] === t));
  const ofBoth = Array.from({ length: communities * numTastes }, (_, i) =>
    tableOf((s) => communityOf[s] * numTastes + ofSubreddit[s] === i),
  );
  return {
    ofSubreddit,
    ofUser: [],
    drawTaste,
    table: (community, taste) => {
      if (random.float() >= OWN_TASTE_SHARE) return undefined;
      return community === undefined ? ofTaste[taste] : ofBoth[community * numTastes + taste];
    },
  };
}

/** Images that users of a graph made with `tastes` posted, as `image-vectors.arrow` beside its tables. @returns images */
export async function generateImages(plan: GraphPlan, folder: string): Promise<number> {
  const random = new Random(plan.seed).fork('images');
  const images = new PlantedImages(plan.tastes ?? 1, plan.imageDim ?? IMAGE_DIM, random);
  const { pseudonym } = await readTable(folder, INGESTED_USERS);
  const { taste } = await readTable(folder, TRUTH_USER_TASTES);
  async function* rows() {
    for (let user = 0; user < taste.length; user++) {
      if (random.float() >= WITH_IMAGES_SHARE) continue;
      const id = pseudonym[user].toString(16).padStart(16, '0');
      for (const vector of images.ofUser(user, taste[user])) yield { id, vector };
    }
  }
  return writeVectorTable(`${folder}/image-vectors.arrow`, plan.imageDim ?? IMAGE_DIM, rows());
}

/** Draws a position in proportion to its weight in constant time (Walker's alias method). */
class AliasTable {
  private readonly limit: Float64Array;
  private readonly alias: Uint32Array;

  constructor(
    weights: Float64Array,
    private readonly ids?: readonly number[],
  ) {
    const n = weights.length;
    const mean = weights.reduce((sum, w) => sum + w, 0) / n;
    this.limit = weights.map((w) => w / mean);
    this.alias = counting(n);
    const small: number[] = [];
    const large: number[] = [];
    for (let i = 0; i < n; i++) (this.limit[i] < 1 ? small : large).push(i);
    while (small.length > 0 && large.length > 0) {
      const less = small.pop() as number;
      const more = large[large.length - 1];
      this.alias[less] = more;
      this.limit[more] -= 1 - this.limit[less];
      if (this.limit[more] < 1) small.push(large.pop() as number);
    }
    for (const i of [...small, ...large]) this.limit[i] = 1; // what rounding left
  }

  draw(random: Random): number {
    const scaled = random.float() * this.limit.length;
    const i = Math.floor(scaled);
    const at = scaled - i < this.limit[i] ? i : this.alias[i];
    return this.ids ? this.ids[at] : at;
  }
}

/** Rows of one shard on their way to its file. */
class ShardBuffer {
  private readonly writer: TableWriter<typeof INTERACTIONS>;
  private readonly user = new Uint32Array(ROWS_PER_BATCH);
  private readonly subreddit = new Uint32Array(ROWS_PER_BATCH);
  private readonly posts = new Uint32Array(ROWS_PER_BATCH);
  private readonly comments = new Uint32Array(ROWS_PER_BATCH);
  private readonly score = new Int32Array(2 * ROWS_PER_BATCH); // little-endian i64, as are the times
  private readonly firstUtc = new Int32Array(2 * ROWS_PER_BATCH);
  private readonly lastUtc = new Int32Array(2 * ROWS_PER_BATCH);
  private rows = 0;

  constructor(folder: string, file: string) {
    this.writer = new TableWriter(folder, { ...INTERACTIONS, file } as unknown as typeof INTERACTIONS);
  }

  add(user: number, subreddit: number, random: Random): void {
    const at = this.rows++;
    const draw = random.uint32();
    const comments = Math.min(10_000, Math.floor((random.uint32() / 2 ** 32 + 1e-9) ** -0.6));
    const score = comments * ((draw & 15) - 3);
    const last = (draw >>> 4) % SECONDS;
    this.user[at] = user;
    this.subreddit[at] = subreddit;
    this.posts[at] = (draw & 7) === 0 ? 1 : 0;
    this.comments[at] = comments;
    this.score[2 * at] = score;
    this.score[2 * at + 1] = score < 0 ? -1 : 0;
    this.firstUtc[2 * at] = FIRST_UTC + (last >>> 1);
    this.lastUtc[2 * at] = FIRST_UTC + last;
    if (this.rows === ROWS_PER_BATCH) this.flush();
  }

  private flush(): void {
    const { rows } = this;
    const i64 = (words: Int32Array) => new BigInt64Array(words.buffer, 0, rows);
    this.writer.append({
      user: this.user.subarray(0, rows),
      subreddit: this.subreddit.subarray(0, rows),
      posts: this.posts.subarray(0, rows),
      comments: this.comments.subarray(0, rows),
      score: i64(this.score),
      first_utc: i64(this.firstUtc),
      last_utc: i64(this.lastUtc),
    });
    this.rows = 0;
  }

  /** @returns rows written in all */
  close(): number {
    this.flush();
    return this.writer.close().rows;
  }
}

function counting(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => i);
}

/** Ascending with the id, as ids are ranks of names. */
function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, s) => `subreddit_${String(s).padStart(7, '0')}`);
}

if (import.meta.filename === process.argv[1]) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      users: { type: 'string', default: '100000' },
      subreddits: { type: 'string', default: '2000' },
      edges: { type: 'string', default: '1000000' },
      communities: { type: 'string', default: '50' },
      shards: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      tastes: { type: 'string' },
      'image-dim': { type: 'string' },
    },
  });
  const [folder] = positionals;
  if (!folder) throw new Error('Usage: generate-graph.ts [--users N] [--subreddits N] [--edges N] … FOLDER');
  mkdirSync(folder, { recursive: true });
  const { 'image-dim': imageDim, ...sizes } = values;
  const numbers = Object.fromEntries(Object.entries(sizes).map(([name, text]) => [name, Number(text)]));
  const plan = { ...numbers, ...(imageDim && { imageDim: Number(imageDim) }) } as unknown as GraphPlan;
  const made = generateGraph(plan, folder);
  const images = plan.tastes ? { images: await generateImages(plan, folder) } : {};
  process.stdout.write(`${JSON.stringify({ ...made, ...images })}\n`);
}
