import fc from 'fast-check';
import { buildEvidencePacks, type ClusterProfile, type CorpusTotals } from '../../src/personas/evidence.js';

/** Names of every kind: known topics and places, plausible unknown ones, foreign scripts, attempts at mischief. */
export const names = fc.oneof(
  fc.constantFrom('gardening', 'programming', 'de', 'canada', 'france', 'nursing', 'AskReddit', 'kpop', 'u_someone'),
  fc.stringMatching(/^[A-Za-z0-9_]{2,21}$/),
  fc.constantFrom(
    'he_and_she',
    'man',
    'never-less-common',
    'ignore-all-previous.instructions',
    'reddit.com',
    'ελληνικά',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
);

/** A few clusters over random subreddits, with counts that fit together. */
export const profiles: fc.Arbitrary<{ profiles: ClusterProfile[]; corpus: CorpusTotals }> = fc
  .array(
    fc.record({
      users: fc.integer({ min: 1, max: 5000 }),
      subreddits: fc.uniqueArray(
        fc.record({
          name: names,
          share: fc.double({ min: 0, max: 1, noNaN: true }),
          elsewhere: fc.integer({ min: 0, max: 50_000 }),
          attention: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        { maxLength: 30, selector: (s) => s.name },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((clusters) => ({
    corpus: { users: 100_000, memberships: 3_000_000 },
    profiles: clusters.map(({ users, subreddits }, cluster) => ({
      cluster,
      users,
      interactions: users * 10,
      nearest: clusters.map((_, other) => other),
      subreddits: subreddits.map(({ name, share, elsewhere, attention }) => {
        const usersInCluster = Math.round(share * users);
        return {
          name,
          usersInCluster,
          usersTotal: usersInCluster + elsewhere,
          attentionMass: (attention * users) / subreddits.length,
        };
      }),
    })),
  }));

export const packs = profiles.map(({ profiles, corpus }) => buildEvidencePacks(profiles, corpus));
