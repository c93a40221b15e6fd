import { describe, expect, it } from 'vitest';
import { EVIDENCE_DEFAULTS } from '../../src/personas/evidence.js';
import { buildUserPack } from '../../src/personas/user-evidence.js';

describe('buildUserPack', () => {
  const of = (facets: readonly (number | undefined)[]) => ({
    id: 'x',
    interactions: 9,
    subreddits: facets.map((facet, i) => {
      return { name: `s${i}`, usersTotal: 100, attention: (facets.length - i) / 100, facet };
    }),
  });
  const pack = (facets: readonly (number | undefined)[], maxRows: number) =>
    buildUserPack(of(facets), { users: 1000, memberships: 5000 }, { ...EVIDENCE_DEFAULTS, maxRows }).evidence;

  it('gives every side of a person rows in proportion to its attention, the strongest still first', () => {
    const facets = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2];
    expect(pack(facets, 4).map(({ subreddit }) => subreddit)).toEqual(['s0', 's1', 's6', 's9']);
    expect(pack(facets, 4).map(({ facet }) => facet)).toEqual([0, 0, 1, 2]);
    expect(pack(facets, 10).map(({ subreddit }) => subreddit)).toEqual(facets.map((_, i) => `s${i}`));
  });

  it('takes the strongest, and speaks of no side, where none were told apart', () => {
    const rows = pack([undefined, undefined, undefined], 2);
    expect(rows.map(({ subreddit }) => subreddit)).toEqual(['s0', 's1']);
    expect(rows[0]).not.toHaveProperty('facet');
  });
});
