import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.js';
import { buildEvidencePacks, EVIDENCE_DEFAULTS, logOddsZ, subredditName } from '../../src/personas/evidence.js';
import { names, profiles } from './arbitraries.js';
import { CORPUS, PROFILES } from './sample-profiles.js';

describe('buildEvidencePacks', () => {
  it('gives every cluster a pack, in order, with rows that stand out and enough members behind each', () => {
    fc.assert(
      fc.property(profiles, ({ profiles, corpus }) => {
        const packs = buildEvidencePacks(profiles, corpus);
        expect(packs).toHaveLength(profiles.length);
        packs.forEach((pack, n) => {
          expect(pack.size.users).toBe(profiles[n].users);
          expect(pack.evidence.length).toBeLessThanOrEqual(EVIDENCE_DEFAULTS.maxRows);
          expect(pack.tokens).toBeLessThanOrEqual(EVIDENCE_DEFAULTS.tokenBudget);
          expect(new Set(pack.evidence.map((row) => row.subreddit)).size).toBe(pack.evidence.length);
          pack.evidence.forEach((row, rank) => {
            expect(row.id).toBe(`E${rank + 1}`);
            expect(row.users).toBeGreaterThanOrEqual(EVIDENCE_DEFAULTS.minEvidenceUsers);
            expect(row.lift).toBeGreaterThanOrEqual(1);
            expect(row.share).toBeGreaterThanOrEqual(0.00999);
            expect(row.subreddit).not.toMatch(/^u_/i);
          });
          const shown = pack.evidence.map((row) => row.subreddit);
          for (const { contrast } of pack.neighbours) for (const name of contrast) expect(shown).toContain(name);
        });
      }),
      { seed: 1 },
    );
  });

  it('does not depend on the order of subreddits', () => {
    const reversed = PROFILES.map((p) => ({ ...p, subreddits: [...p.subreddits].reverse() }));
    expect(buildEvidencePacks(reversed, CORPUS)).toEqual(buildEvidencePacks(PROFILES, CORPUS));
  });

  it('puts what is typical above what is popular everywhere', () => {
    const [programmers] = buildEvidencePacks(PROFILES, CORPUS);
    expect(programmers.evidence[0].subreddit).toBe('programming');
    expect(programmers.evidence.map((row) => row.subreddit)).not.toContain('AskReddit');
    expect(programmers.evidence[0]).toMatchObject({ share: 0.48, users: 1152, attention: 0.14 });
    expect(programmers.evidence[0].lift).toBeCloseTo(0.48 / 0.041, 2);
  });

  it('names what tells two clusters of one topic apart', () => {
    const packs = buildEvidencePacks(PROFILES, CORPUS);
    expect(packs[9].neighbours[0]).toEqual({ id: 'cluster-0001', contrast: expect.arrayContaining(['Beekeeping']) });
    expect(packs[9].neighbours[0].contrast).not.toContain('gardening');
    expect(packs[9].evidence.find((row) => row.subreddit === 'gardening')?.note).toContain('nearest clusters');
  });

  it('leaves a cluster empty that shares nothing, rather than showing single members', () => {
    const lone = { cluster: 3, users: 5, interactions: 9, nearest: [], subreddits: PROFILES[0].subreddits.slice(0, 0) };
    expect(buildEvidencePacks([lone], CORPUS)[0]).toMatchObject({ id: 'cluster-0003', evidence: [], tokens: 0 });
    expect(buildEvidencePacks([], CORPUS)).toEqual([]);
  });

  it('keeps to the token budget', () => {
    const [pack] = buildEvidencePacks(PROFILES.slice(0, 1), CORPUS, { ...EVIDENCE_DEFAULTS, tokenBudget: 100 });
    expect(pack.tokens).toBeLessThanOrEqual(100);
    expect(pack.evidence.length).toBeGreaterThan(0);
  });

  it('refuses counts that cannot be', () => {
    const [first] = PROFILES;
    const broken = { ...first, subreddits: [{ name: 'a1', usersInCluster: 9, usersTotal: 3, attentionMass: 0 }] };
    expect(() => buildEvidencePacks([broken], CORPUS)).toThrow(InputError);
    expect(() => buildEvidencePacks([{ ...first, users: 0 }], CORPUS)).toThrow(/0 users/);
  });
});

describe('logOddsZ', () => {
  it('is zero where the rates are equal, changes sign with the sides, and grows with the counts', () => {
    expect(logOddsZ(10, 100, 100, 1000, 0.1)).toBeCloseTo(0, 1);
    expect(logOddsZ(30, 100, 10, 100, 0.2)).toBeCloseTo(-logOddsZ(10, 100, 30, 100, 0.2), 10);
    expect(logOddsZ(300, 1000, 100, 1000, 0.1)).toBeGreaterThan(logOddsZ(30, 100, 10, 100, 0.1));
  });

  it('agrees with a case worked by hand', () => {
    // y = 30 of 100 against 50 of 900, prior 1000 × 0.08: (110 / 990) over (130 / 1770), variance 1/110 + 1/130
    const expected = Math.log(110 / 990 / (130 / 1770)) / Math.sqrt(1 / 110 + 1 / 130);
    expect(logOddsZ(30, 100, 50, 900, 0.08)).toBeCloseTo(expected, 10);
  });
});

describe('subredditName', () => {
  it('is one visible word whatever comes in', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(subredditName(name)).toMatch(/^[\p{L}\p{N}_.:-]{0,30}$/u);
        expect(subredditName(subredditName(name))).toBe(subredditName(name));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it.each(['AskReddit', 'Warhammer40k', 'reddit.com', 'a_b', 'ελληνικά'])('keeps %s', (name) => {
    expect(subredditName(name)).toBe(name);
  });
});
