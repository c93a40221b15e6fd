/**
 * Compiles the kernels of the `native` engine to build/<platform>-<arch>/kernels.node and, on Linux, what the `cuda` engine
 * opens the driver with to cuda.node. Runs at install and in `npm run build`; does nothing where the sources have not
 * changed. Needs a C++20 compiler (g++ ≥ 10 or clang ≥ 12; CXX names
 * another). Without one it says so and succeeds: the reference engine does all that this one does, more slowly.
 *
 *     node scripts/build-native.mjs [FOLDER]     FOLDER in place of build/<platform>-<arch>
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const sources = `${root}src/kernels/`;
const target = process.argv[2] ? `${process.argv[2]}/` : `${root}build/${process.platform}-${process.arch}/`;

const addons = process.platform === 'linux' ? ['kernels', 'cuda'] : ['kernels'];

const FLAGS = [
  '-std=c++20',
  '-O3',
  '-fPIC',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fvisibility=hidden',
  '-pthread',
];
// baseline is linked first: where variants hold the same inline function of a library, all of them use that one
const VARIANTS = {
  x64: {
    baseline: [],
    avx2: ['-mavx2', '-mfma'],
    avx512: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma'],
  },
}[process.arch] ?? { baseline: [] };

try {
  await build();
} catch (thrown) {
  const lines = String(thrown.stderr || thrown.message)
    .trim()
    .split('\n');
  console.error(`The native engine was not built: ${lines.find((line) => line.includes('error')) ?? lines[0]}`);
  console.error('The reference engine takes its place; it gives the same results, many times slower.');
}

async function build() {
  const files = (await readdir(sources, { recursive: true })).filter((file) => /\.(cc|h)$/.test(file)).sort();
  const hash = createHash('sha256').update(await readFile(fileURLToPath(import.meta.url)));
  for (const file of files) hash.update(`\n${file}\n`).update(await readFile(sources + file));
  const stamp = hash.digest('hex');
  if (
    (await readFile(`${target}stamp`, 'utf8').catch(() => '')) === stamp &&
    addons.every((name) => loads(`${target}${name}.node`))
  )
    return;

  const begin = performance.now();
  const compiler = await findCompiler();
  const { include_dir: headers } = require('node-api-headers');
  await mkdir(target, { recursive: true });
  const work = await mkdtemp(`${target}work-`);
  try {
    const compile = async (source, output, flags) => {
      await run(compiler, [...FLAGS, ...flags, '-c', sources + source, '-o', `${work}/${output}.o`]);
      return `${work}/${output}.o`;
    };
    const objects = await Promise.all([
      compile('native/addon.cc', 'addon', ['-I', headers]),
      compile('native/pool.cc', 'pool', []),
      ...Object.entries(VARIANTS).map(([isa, flags]) => compile('native/kernels.cc', isa, [`-DISA=${isa}`, ...flags])),
    ]);
    const link =
      process.platform === 'darwin'
        ? ['-bundle', '-undefined', 'dynamic_lookup']
        : ['-shared', '-pthread', '-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL'];
    const objectsOf = { kernels: objects, cuda: [] };
    if (addons.includes('cuda')) objectsOf.cuda.push(await compile('cuda/driver.cc', 'cuda', ['-I', headers]));
    for (const name of addons) {
      await run(compiler, [
        ...objectsOf[name],
        ...link,
        '-o',
        `${work}/${name}.node`,
        ...(name === 'cuda' ? ['-ldl'] : []),
      ]);
      if (!loads(`${work}/${name}.node`)) throw new Error(`what the compiler made of ${name} does not load`);
      await rename(`${work}/${name}.node`, `${target}${name}.node`); // a process that has the old one open keeps it
    }
    await writeFile(`${target}stamp`, stamp);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`native engine: built with ${compiler} in ${seconds} s (${Object.keys(VARIANTS).join(', ')})`);
}

async function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  for (const name of candidates)
    try {
      await run(name, ['--version']);
      return name;
    } catch {
      // not there: try the next
    }
  throw new Error(`no C++ compiler found (tried ${candidates.join(', ')})`);
}

function loads(path) {
  try {
    process.dlopen({ exports: {} }, path);
    return true;
  } catch {
    return false;
  }
}
