import type { Random } from '../../src/core/random.js';
import { type Communities, userName } from './communities.js';
import {
  compileLayout,
  type Era,
  fillLayout,
  type Layout,
  NESTED_LAYOUT,
  NESTED_POST,
  SHAPES,
  type Shape,
  type SlotValues,
} from './layouts.js';
import { BACKGROUND, type Plan } from './plan.js';
import type { TextSource } from './text.js';

/** Why a line must not reach the graph. Each such line has exactly one reason. */
export const DROP_REASONS = [
  'deleted', // author is [deleted]
  'bot', // author is one of BOT_NAMES
  'over18Subreddit', // any line in an over-18 subreddit
  'over18Record', // a submission with over_18 in any other subreddit
  'userProfile', // subreddit is u_NAME
  'missingAuthor', // no author key
  'missingSubreddit', // no subreddit key
  'broken', // not JSON, not an object, or a key of the wrong type
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** What is odd about a line that is nevertheless good, or how a broken line is broken. A line can have several. */
export const TRAITS = [
  'cutJson',
  'binaryGarbage',
  'wrongType',
  'arrayLine',
  'over18SubredditUnflagged', // submissions of over-18 subreddits without the flag
  'scoreNull',
  'crlf',
  'spaced',
  'escapedAuthor',
  'withoutOptional',
  'keyTrap',
  'crosspost',
  'subredditDetail',
  'promotedPosts',
  'image',
] as const;
export type Trait = (typeof TRAITS)[number];

/** `AutoModerator` and names that say what they are. */
export const BOT_NAMES = [
  'AutoModerator',
  'helpful_repost_bot',
  'gentle-reminder-bot',
  'ThreadSummaryBot',
  'unit_converter_bot',
  'TitleCheckerBot',
];

export type DumpKind = 'comments' | 'submissions';

/** Extra lines per planned action. Every one of them is dropped on the way to the graph. */
const EXTRA_SHARES: Record<DumpKind, readonly (readonly [DropReason, number])[]> = {
  comments: [
    ['deleted', 0.06],
    ['bot', 0.02],
    ['over18Subreddit', 0.025],
    ['userProfile', 0.005],
    ['missingAuthor', 0.001],
    ['broken', 0.004],
  ],
  submissions: [
    ['deleted', 0.06],
    ['bot', 0.01],
    ['over18Subreddit', 0.04],
    ['over18Record', 0.015],
    ['userProfile', 0.01],
    ['missingAuthor', 0.001],
    ['missingSubreddit', 0.001],
    ['broken', 0.004],
  ],
};

const SHAPE_SHARES: Record<DumpKind, readonly (readonly [Shape, number])[]> = {
  comments: [
    ['withoutOptional', 0.01],
    ['keyTrap', 0.0005],
  ],
  submissions: [
    ['withoutOptional', 0.01],
    ['keyTrap', 0.001],
    ['image', 0.04],
    ['crosspost', 0.03],
    ['subredditDetail', 0.02],
    ['promotedPosts', 0.004],
  ],
};

const OVER18_UNFLAGGED_SHARE = 0.02;
const SCORE_NULL_SHARE = 0.004;
const CRLF_SHARE = 0.003;
const ESCAPED_AUTHOR_SHARE = 0.001;
const AWARD_SHARE = 0.004;
const AWARD =
  '[{"award_sub_type":"GLOBAL","award_type":"global","coin_price":100,"coin_reward":0,"count":1,"days_of_premium":0,"description":"Invented for tests","icon_height":512,"icon_width":512,"id":"gid_1","is_enabled":true,"name":"Silver","subreddit_coin_reward":0,"subreddit_id":null}]';
const VIDEO =
  '{"oembed":{"author_name":"Invented Channel","height":338,"html":"&lt;iframe&gt;","provider_name":"Example","title":"Invented","type":"video","width":600},"type":"example.org"}';
const THREADS_PER_SUBREDDIT = 12;

/** Writes the lines of one file. Lines depend on the file's own random source and on nothing drawn elsewhere. */
export class LineWriter {
  readonly dropped = counters(DROP_REASONS);
  readonly traits = counters(TRAITS);
  private readonly layouts = new Map<string, Layout>();
  private readonly threads: { linkId: string; permalink: string; parent: string }[][] = [];
  private serial = 0;

  /** @param month months since 2005-01: keeps ids of different files apart */
  constructor(
    private readonly kind: DumpKind,
    private readonly era: Era,
    private readonly month: number,
    private readonly communities: Communities,
    private readonly plan: Plan,
    private readonly text: TextSource,
    private readonly random: Random,
  ) {}

  /** Whether another extra line comes before the next action, and which. */
  drawExtra(): DropReason | null {
    return drawFrom(EXTRA_SHARES[this.kind], this.random);
  }

  /** The line of a planned action: kept by every correct reader. */
  action(user: number, subreddit: number, createdUtc: number): { line: string; crlf: boolean } {
    const { random } = this;
    const values = this.values(user, subreddit, createdUtc);
    let shape: Shape = drawFrom(SHAPE_SHARES[this.kind], random) ?? 'full';
    if (this.era.name === 'early' && shape !== 'withoutOptional' && shape !== 'keyTrap') shape = 'full'; // came later
    if (shape !== 'full') this.traits[shape as Trait]++;
    if (shape === 'crosspost' || shape === 'promotedPosts')
      values.nested = fillLayout(NESTED_LAYOUT, { ...values, ...NESTED_POST });
    if (random.float() < SCORE_NULL_SHARE) {
      values.score = 'null';
      this.traits.scoreNull++;
    }
    if (random.float() < ESCAPED_AUTHOR_SHARE) {
      values.author = `\\u00${values.author.charCodeAt(0).toString(16)}${values.author.slice(1)}`;
      this.traits.escapedAuthor++;
    }
    const crlf = random.float() < CRLF_SHARE;
    if (crlf) this.traits.crlf++;
    return { line: this.render(shape, values), crlf };
  }

  /** A line that every correct reader drops, for the given reason. Broken ones may be bytes that are no text. */
  extra(reason: DropReason, createdUtc: number): string | Uint8Array {
    this.dropped[reason]++;
    const { plan, random, communities } = this;
    const pair = random.below(plan.pairUser.length); // active people more often
    const user = plan.pairUser[pair];
    let subreddit = plan.pairSubreddit[pair];
    if (reason === 'over18Subreddit') {
      const { over18Begin, subreddits } = communities;
      subreddit = over18Begin + random.below(subreddits.length - over18Begin);
    }
    const values = this.values(user, subreddit, createdUtc);
    switch (reason) {
      case 'deleted':
        values.author = '[deleted]';
        values.body = values.selftext = random.float() < 0.7 ? '[deleted]' : '[removed]';
        return this.render('deleted', values);
      case 'bot':
        values.author = BOT_NAMES[Math.floor(BOT_NAMES.length * random.float() ** 2)];
        values.body = values.selftext = 'I am a script, and this action was performed automatically.';
        return this.render('full', values);
      case 'over18Subreddit':
        if (this.kind === 'submissions' && random.float() < OVER18_UNFLAGGED_SHARE) {
          this.traits.over18SubredditUnflagged++;
        } else values.over18 = 'true';
        return this.render('full', values);
      case 'over18Record':
        values.over18 = 'true';
        return this.render('full', values);
      case 'userProfile':
        values.subreddit = `u_${values.author}`;
        return this.render('full', values);
      case 'missingAuthor':
        return this.render('withoutAuthor', values);
      case 'missingSubreddit':
        return this.render('withoutSubreddit', values);
      case 'broken':
        return this.brokenLine(values);
    }
  }

  private brokenLine(values: SlotValues): string | Uint8Array {
    const { random, traits } = this;
    switch (random.below(6)) {
      case 0:
      case 1: {
        traits.cutJson++;
        const line = this.render('full', values);
        return line.slice(0, 1 + random.below(line.length - 1));
      }
      case 2: {
        traits.binaryGarbage++;
        const bytes = Uint8Array.from({ length: 8 + random.below(120) }, () => random.below(256));
        bytes[0] = 0xff; // never UTF-8, never JSON
        return bytes.map((byte) => (byte === 10 || byte === 13 ? 0 : byte)); // stays one line
      }
      case 3:
      case 4: {
        traits.wrongType++;
        const shapes = ['authorNumber', 'subredditList', 'timeText'] as const;
        return this.render(shapes[random.below(shapes.length)], values);
      }
      default:
        traits.arrayLine++;
        return `[${this.render('full', values)}]`;
    }
  }

  /** The inside of every slot for an ordinary line. */
  private values(user: number, subreddit: number, createdUtc: number): SlotValues {
    const { random, communities } = this;
    const { name, id: subredditId, kind, subscribers } = communities.subreddits[subreddit];
    const topic = this.topicOf(user, subreddit);
    const id = recordId(this.month, this.serial++, this.kind);
    const values: SlotValues = {
      author: userName(user),
      authorId: (300_000 + user * 7).toString(36),
      awards: random.float() < AWARD_SHARE ? AWARD : '[]',
      body: '',
      createdUtc: String(createdUtc),
      domain: '',
      id,
      isSelf: '',
      linkId: '',
      media: 'null',
      nested: '',
      numComments: '',
      over18: 'false',
      parentId: '',
      permalink: '',
      retrievedOn: String(createdUtc + 15),
      score: String(drawScore(random)),
      selftext: '',
      subreddit: name,
      subredditId,
      subscribers: String(subscribers),
      thumbnail: '',
      title: '',
      url: '',
    };
    if (this.kind === 'comments') {
      const thread = this.threadsOf(subreddit, topic)[Math.floor(THREADS_PER_SUBREDDIT * random.float() ** 2)];
      values.body = this.text.body(topic, this.era.ascii, random);
      values.linkId = thread.linkId;
      values.parentId = random.float() < 0.5 ? `t3_${thread.linkId}` : thread.parent;
      values.permalink = `${thread.permalink}${id}/`;
      return values;
    }
    values.title = this.text.title(topic, random);
    values.permalink = `/r/${name}/comments/${id}/${slug(values.title)}/`;
    values.linkId = recordId(this.month - 1, random.below(1000), 'submissions'); // where a crosspost comes from
    values.numComments = String(Math.max(0, drawScore(random) - 1));
    const sort = random.float();
    if (sort < 0.7 || kind === 'over18') {
      values.isSelf = 'true';
      values.domain = `self.${name}`;
      values.url = `https://www.reddit.com${values.permalink}`;
      values.thumbnail = 'self';
      values.selftext = this.text.body(topic, this.era.ascii, random);
    } else {
      values.isSelf = 'false';
      values.domain = 'example.org';
      values.url = `https://example.org/${id}`;
      values.thumbnail = 'default';
      if (sort > 0.92) values.media = VIDEO;
    }
    return values;
  }

  /** People mostly write about what the place is for. In general places a regular's own taste shows now and then. */
  private topicOf(user: number, subreddit: number): number {
    const { topic, kind } = this.communities.subreddits[subreddit];
    const group = this.plan.userGroup[user];
    if (kind === 'general' && group !== BACKGROUND && this.random.float() < 0.1) return group;
    return topic;
  }

  private threadsOf(subreddit: number, topic: number): { linkId: string; permalink: string; parent: string }[] {
    const { name } = this.communities.subreddits[subreddit];
    this.threads[subreddit] ??= Array.from({ length: THREADS_PER_SUBREDDIT }, (_, t) => {
      const linkId = recordId(this.month, 1_000_000 + subreddit * THREADS_PER_SUBREDDIT + t, 'submissions');
      const title = slug(this.text.title(topic, this.random));
      const parent = `t1_${recordId(this.month, 20_000_000 + subreddit * THREADS_PER_SUBREDDIT + t, 'comments')}`;
      return { linkId, permalink: `/r/${name}/comments/${linkId}/${title}/`, parent };
    });
    return this.threads[subreddit];
  }

  private render(shape: Shape, values: SlotValues): string {
    const variants = this.era[this.kind];
    let v = 0;
    for (let draw = this.random.float() - variants[0].share; draw >= 0 && v < variants.length - 1; )
      draw -= variants[++v].share;
    const key = `${v}/${shape}`;
    let layout = this.layouts.get(key);
    if (layout === undefined) {
      layout = compileLayout(SHAPES[shape](variants[v].text));
      this.layouts.set(key, layout);
    }
    if (variants[v].spaced) this.traits.spaced++;
    return fillLayout(layout, values);
  }
}

export function counters<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** The first whose share is reached, or null for the rest of the probability. */
function drawFrom<T>(shares: readonly (readonly [T, number])[], random: Random): T | null {
  let draw = random.float();
  for (const [one, share] of shares) {
    draw -= share;
    if (draw < 0) return one;
  }
  return null;
}

/** Mostly 1 or 2, a heavy tail, now and then below zero. */
function drawScore(random: Random): number {
  const draw = random.float();
  if (draw < 0.04) return -random.below(12);
  return Math.min(9_000, Math.floor((1 - random.float()) ** -0.8));
}

/** Base 36, ascending inside a file and over the months. */
function recordId(month: number, serial: number, kind: DumpKind): string {
  const perMonth = 36 ** 5; // 60 million
  return ((month + (kind === 'comments' ? 36 : 1)) * perMonth + serial).toString(36);
}

function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z]+/g, '_')
    .slice(0, 40);
}
