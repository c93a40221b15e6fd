/**
 * Personas of single users by the template, as a stream: throughput and memory at 10,000 and 100,000 users. Flat memory
 * means that the second figure is not above the first by more than the noise of the collector.
 */
import { Random } from '../../src/core/random.js';
import { buildUserPack } from '../../src/personas/user-evidence.js';
import { verbalize } from '../../src/personas/verbalize.js';

const SUBREDDITS = 2000;
const NAMES = [
  'gardening',
  'programming',
  'soccer',
  'anime',
  'Cooking',
  'movies',
  'cats',
  'linux',
  'woodworking',
  'chess',
];

async function* packs(users: number) {
  const random = new Random(1);
  for (let user = 0; user < users; user++) {
    const own = random.fork(user);
    const subreddits = Array.from({ length: 5 + own.below(25) }, () => {
      const s = Math.floor(SUBREDDITS * own.float() ** 3);
      return {
        name: `${NAMES[s % NAMES.length]}${s < NAMES.length ? '' : s}`,
        usersTotal: 20 + SUBREDDITS - s,
        attention: own.float() / 10,
      };
    });
    yield buildUserPack(
      { id: user.toString(16), interactions: 99, subreddits },
      { users: 100_000, memberships: 2_000_000 },
    );
  }
}

async function measure(users: number): Promise<void> {
  let bytes = 0;
  let peak = 0;
  let written = 0;
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const { failed } = await verbalize(packs(users), {
    runFingerprint: 'bench',
    seed: 1,
    onPersona(persona) {
      bytes += JSON.stringify(persona).length + 1;
      if (++written % 1000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
    },
  });
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const cpuSeconds = (user + system) / 1e6;
  console.log(
    `${users} users: ${written} written, ${failed} failed, ${cpuSeconds.toFixed(1)} s of CPU (${Math.round(users / cpuSeconds)} a CPU second), ${seconds.toFixed(1)} s wall, peak ${(peak / 2 ** 20).toFixed(0)} MiB, ${(bytes / 2 ** 20).toFixed(0)} MiB of JSONL`,
  );
}

await measure(10_000);
await measure(100_000);
