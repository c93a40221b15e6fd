import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Runs the benchmarks of `test/bench` one after the other, each in a process of its own.
 *
 *     npm run bench                 all of them
 *     npm run bench -- kernels      those whose name contains one of the words
 */
const folder = fileURLToPath(new URL('../test/bench/', import.meta.url));
const words = process.argv.slice(2);
const names = readdirSync(folder).filter((file) => file.endsWith('.bench.ts'));
const chosen = names.filter((name) => words.length === 0 || words.some((word) => name.includes(word))).sort();
if (chosen.length === 0) {
  console.error(`No benchmark matches ${words.join(' ')}. There are: ${names.join(', ')}`);
  process.exit(2);
}
for (const name of chosen) {
  console.log(`\n# ${name}`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', `${folder}${name}`], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
