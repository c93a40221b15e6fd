import type { Random } from '../../src/core/random.js';
import type { Communities } from './communities.js';

/**
 * Who does what: U users, E user–subreddit pairs, grouped by user.
 *
 * Memory is 10 bytes a pair and 4 bytes an action, half a percent of the dump that is written from it.
 */
export interface Plan {
  readonly numUsers: number; // U
  readonly userGroup: Uint8Array; // [U], index of the hobby, or BACKGROUND
  readonly userPtr: Uint32Array; // [U + 1]; user i has pairs userPtr[i] to userPtr[i + 1], end excluded
  readonly pairUser: Uint32Array; // [E]
  readonly pairSubreddit: Uint32Array; // [E], distinct inside a user
  readonly pairActions: Uint16Array; // [E], at least 1
}

/** In `userGroup`: somebody without a planted taste. */
export const BACKGROUND = 255;

const BACKGROUND_SHARE = 0.12;
const GENERAL_SHARE = 0.4; // of a user's actions
const FOREIGN_SHARE = 0.12; // of a user's actions: niche communities of other groups
const ACTIVITY_EXPONENT = 1.8; // Pareto tail of actions per regular user
const BACKGROUND_EXPONENT = 1.1; // most background users act once to three times
const GENERAL_POPULARITY = 1; // Zipf exponents
const NICHE_POPULARITY = 0.7;
const PERSONAL_TASTE = 1; // standard deviation of log preference inside the own group

/** Draws every user's group, activity and subreddits. The mean is over regular users; background users do less. */
export function makePlan(communities: Communities, numUsers: number, actionsPerUser: number, random: Random): Plan {
  const { subreddits, perHobby, generalBegin, over18Begin } = communities;
  const groups = communities.hobbies.length;
  const userGroup = assignGroups(numUsers, groups, random.fork('groups'));
  const general = cumulativeZipf(over18Begin - generalBegin, GENERAL_POPULARITY);
  const niche = cumulativeZipf(perHobby, NICHE_POPULARITY);
  const personal = new Float64Array(perHobby);

  const userPtr = new Uint32Array(numUsers + 1);
  const pairs = new PairList(Math.ceil(numUsers * actionsPerUser));
  const count = new Uint16Array(subreddits.length); // actions of the current user, zero between users
  const touched: number[] = [];
  const drawUser = random.fork('taste');

  for (let i = 0; i < numUsers; i++) {
    const group = userGroup[i];
    const isRegular = group !== BACKGROUND;
    if (isRegular) fillPersonal(personal, niche, drawUser);
    const actions = isRegular
      ? paretoCount(actionsPerUser, ACTIVITY_EXPONENT, drawUser)
      : paretoCount(actionsPerUser / 4, BACKGROUND_EXPONENT, drawUser);
    for (let a = 0; a < actions; a++) {
      const where = drawUser.float();
      let subreddit: number;
      if (where < GENERAL_SHARE) subreddit = generalBegin + drawIndex(general, drawUser);
      else if (isRegular && where < 1 - FOREIGN_SHARE) subreddit = group * perHobby + drawIndex(personal, drawUser);
      else subreddit = drawUser.below(groups) * perHobby + drawIndex(niche, drawUser);
      if (count[subreddit]++ === 0) touched.push(subreddit);
    }
    touched.sort((a, b) => a - b);
    for (const subreddit of touched) {
      pairs.push(i, subreddit, count[subreddit]);
      count[subreddit] = 0;
    }
    touched.length = 0;
    userPtr[i + 1] = pairs.length;
  }
  return { numUsers, userGroup, userPtr, ...pairs.trimmed() };
}

/**
 * The control: the same pairs with partners exchanged until no taste remains, in place.
 *
 * Two pairs exchange subreddits only if they have the same number of actions and neither user already has the other's
 * subreddit. So all four degrees stay: distinct partners and actions, of every user and of every subreddit.
 */
export function shufflePairs(plan: Plan, random: Random): void {
  const { userPtr, pairUser, pairSubreddit, pairActions } = plan;
  const numPairs = pairUser.length;
  const byActions = new Map<number, number[]>();
  for (let e = 0; e < numPairs; e++) {
    const same = byActions.get(pairActions[e]);
    if (same) same.push(e);
    else byActions.set(pairActions[e], [e]);
  }
  const has = (user: number, subreddit: number): boolean => {
    for (let e = userPtr[user]; e < userPtr[user + 1]; e++) if (pairSubreddit[e] === subreddit) return true;
    return false;
  };
  const attempts = numPairs * 20; // popular subreddits refuse most exchanges
  for (let attempt = 0; attempt < attempts; attempt++) {
    const a = random.below(numPairs);
    const same = byActions.get(pairActions[a])!;
    const b = same[random.below(same.length)];
    const [subredditA, subredditB] = [pairSubreddit[a], pairSubreddit[b]];
    if (has(pairUser[a], subredditB) || has(pairUser[b], subredditA)) continue;
    pairSubreddit[a] = subredditB;
    pairSubreddit[b] = subredditA;
  }
}

/** One entry per action, naming its pair, in random order: the order of time. */
export function planActions(plan: Plan, random: Random): Uint32Array {
  let total = 0;
  for (const actions of plan.pairActions) total += actions;
  const order = new Uint32Array(total);
  let at = 0;
  for (let e = 0; e < plan.pairActions.length; e++) for (let k = 0; k < plan.pairActions[e]; k++) order[at++] = e;
  return random.shuffle(order);
}

/** Exact group sizes: background first, then groups from large to half as large, all in shuffled order. */
function assignGroups(numUsers: number, groups: number, random: Random): Uint8Array {
  const labels = new Uint32Array(numUsers).fill(BACKGROUND);
  const begin = Math.round(numUsers * BACKGROUND_SHARE);
  const sizeOf = (g: number) => 1 - (0.5 * g) / Math.max(1, groups - 1);
  let total = 0;
  for (let g = 0; g < groups; g++) total += sizeOf(g);
  let sum = 0;
  for (let g = 0; g < groups; g++) {
    const from = begin + Math.round(((numUsers - begin) * sum) / total);
    sum += sizeOf(g);
    labels.fill(g, from, begin + Math.round(((numUsers - begin) * sum) / total));
  }
  return Uint8Array.from(random.shuffle(labels));
}

/** Cumulative shares of ranks 1 … n under a Zipf law; the last entry is 1. */
function cumulativeZipf(n: number, exponent: number): Float64Array {
  const cumulative = new Float64Array(n);
  let sum = 0;
  for (let rank = 0; rank < n; rank++) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  for (let rank = 0; rank < n; rank++) cumulative[rank] /= sum;
  return cumulative;
}

/** One user's shares of the own group's subreddits: popularity times a personal log-normal preference. */
function fillPersonal(personal: Float64Array, niche: Float64Array, random: Random): void {
  let sum = 0;
  for (let i = 0; i < niche.length; i++) {
    const popularity = niche[i] - (i === 0 ? 0 : niche[i - 1]);
    sum += popularity * Math.exp(PERSONAL_TASTE * random.normal());
    personal[i] = sum;
  }
  for (let i = 0; i < personal.length; i++) personal[i] /= sum;
}

function drawIndex(cumulative: Float64Array, random: Random): number {
  const draw = random.float();
  let i = 0;
  while (i < cumulative.length - 1 && cumulative[i] <= draw) i++;
  return i;
}

/** A heavy-tailed count of at least 1 with about the given mean; the tail ends at 40 times the smallest value. */
function paretoCount(mean: number, exponent: number, random: Random): number {
  const smallest = (mean * (exponent - 1)) / exponent;
  const draw = smallest * (1 - random.float()) ** (-1 / exponent);
  return Math.max(1, Math.round(Math.min(draw, smallest * 40)));
}

/** Three growing columns. */
class PairList {
  length = 0;
  private user: Uint32Array;
  private subreddit: Uint32Array;
  private actions: Uint16Array;

  constructor(capacity: number) {
    this.user = new Uint32Array(capacity);
    this.subreddit = new Uint32Array(capacity);
    this.actions = new Uint16Array(capacity);
  }

  push(user: number, subreddit: number, actions: number): void {
    if (this.length === this.user.length) this.grow();
    this.user[this.length] = user;
    this.subreddit[this.length] = subreddit;
    this.actions[this.length++] = actions;
  }

  trimmed(): Pick<Plan, 'pairUser' | 'pairSubreddit' | 'pairActions'> {
    const { length } = this;
    return {
      pairUser: this.user.slice(0, length),
      pairSubreddit: this.subreddit.slice(0, length),
      pairActions: this.actions.slice(0, length),
    };
  }

  private grow(): void {
    const capacity = this.user.length * 2 + 1024;
    const [user, subreddit, actions] = [this.user, this.subreddit, this.actions];
    this.user = new Uint32Array(capacity);
    this.subreddit = new Uint32Array(capacity);
    this.actions = new Uint16Array(capacity);
    this.user.set(user);
    this.subreddit.set(subreddit);
    this.actions.set(actions);
  }
}
