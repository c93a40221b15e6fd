import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { EvidencePack } from '../../src/personas/evidence.js';
import { reidentify } from '../../src/personas/reidentification.js';
import { buildUserPack } from '../../src/personas/user-evidence.js';

const CORPUS = { users: 1000, memberships: 10_000 };
const names = (user: number) => ['common', `rare${user}`, `some${user % 7}`];
async function* people(count: number) {
  for (let user = 0; user < count; user++) yield { user, subreddits: names(user) };
}
const packOf = (user: number, shown: readonly string[]): EvidencePack =>
  buildUserPack(
    {
      id: String(user),
      interactions: 9,
      subreddits: shown.map((name) => ({
        name,
        usersTotal: name === 'common' ? 900 : 60,
        attention: 1 / shown.length,
      })),
    },
    CORPUS,
  );
const group = (id: string, shown: readonly string[], users: number): EvidencePack => ({
  ...packOf(0, shown),
  id,
  unit: 'cluster',
  size: { users, interactions: 1 },
});

describe('the nearest-neighbour attack', () => {
  it('names everybody whose persona shows what only they do', async () => {
    const packs = Array.from({ length: 20 }, (_, user) => packOf(user, names(user)));
    const found = await reidentify(packs, people(100), (u) => (u < 20 ? u : -1), 100, new Random(1));
    expect(found).toMatchObject({ targets: 20, hits: 20, rate: 1, membershipAuc: null });
  });

  it('names nobody better than by guessing where the evidence is the same for all', async () => {
    const packs = Array.from({ length: 20 }, (_, user) => packOf(user, ['common']));
    const found = await reidentify(packs, people(100), (u) => (u < 20 ? u : -1), 100, new Random(1));
    expect(found.rate).toBeLessThanOrEqual(0.01);
  });

  it('hits at most one member of a group, and says how well members are told from others', async () => {
    const packs = [group('cluster-0000', ['some0'], 15), group('cluster-0001', ['some1'], 15)];
    const personaOf = (user: number) => (user % 7 < 2 ? user % 7 : -1);
    const found = await reidentify(packs, people(100), personaOf, 100, new Random(1));
    expect(found.targets).toBe(30);
    expect(found.hits).toBeLessThanOrEqual(2);
    expect(found.membershipAuc).toBe(1);
  });
});
