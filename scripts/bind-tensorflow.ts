/**
 * Binds tfjs-node to the TensorFlow of a Python wheel.
 *
 * The installer of tfjs-node 4.22 fetches a libtensorflow that its host no longer serves. Its binding, though, is plain
 * C++ in the npm package, and a wheel of TensorFlow (2.12 or later, `tensorflow-cpu` included) holds the libraries and
 * headers that it needs. This compiles the one against the other:
 *
 *     npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0
 *     python3 -m venv tensorflow && tensorflow/bin/pip install tensorflow-cpu
 *     npx tsx scripts/bind-tensorflow.ts --python tensorflow/bin/python
 *
 * Needs a C++17 compiler ($CXX, else c++), Linux, and the headers of Node beside its program. The wheel must stay where
 * it is. Measured with TensorFlow 2.21 on Node 20.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' }, // that has TensorFlow
    tensorflow: { type: 'string' }, // folder of the wheel, instead of asking a Python for it
    package: { type: 'string' }, // folder of tfjs-node or tfjs-node-gpu, instead of looking for it from here
    'node-headers': { type: 'string' }, // folder with node_api.h
  },
});

const target = options.package ? resolve(options.package) : findPackage();
const wheel = options.tensorflow ? resolve(options.tensorflow) : askPython(options.python);
const headers = options['node-headers'] ?? join(dirname(dirname(realpathSync(process.execPath))), 'include', 'node');
const libraries = [libraryOf('libtensorflow_cc'), libraryOf('libtensorflow_framework')];
if (!existsSync(join(headers, 'node_api.h')))
  fail(
    `no node_api.h in ${headers}. Name its folder with --node-headers; the npm package node-api-headers brings one.`,
  );

const output = join(target, 'lib', 'napi-v8');
mkdirSync(output, { recursive: true });
execFileSync(
  process.env['CXX'] ?? 'c++',
  [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
    ...[target, join(wheel, 'include'), headers].flatMap((folder) => ['-I', folder]),
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(target, 'binding', file)),
    ...['-o', join(output, 'tfjs_binding.node')],
    ...['-L', wheel, ...libraries.map((file) => `-l:${file}`), `-Wl,-rpath,${wheel}`],
  ],
  { stdio: 'inherit' },
);

// the two functions are missing since Node 23; the engine adds them in the same way
const check = `
  Object.assign(require('util'), { isNullOrUndefined: (v) => v == null, isArray: Array.isArray });
  const tf = require(${JSON.stringify(target)});
  if (tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0] !== 11) throw new Error('it does not multiply');
  console.log('TensorFlow ' + tf.backend().binding.TF_Version + ' answers through ' + ${JSON.stringify(target)});`;
execFileSync(process.execPath, ['-e', check], { stdio: 'inherit', env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' } });

function findPackage(): string {
  const require = createRequire(join(process.cwd(), 'package.json'));
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'])
    try {
      return dirname(require.resolve(`${name}/package.json`));
    } catch {
      // not installed: try the next
    }
  return fail(
    'neither tfjs-node-gpu nor tfjs-node is installed here: npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0',
  );
}

function askPython(python: string): string {
  const find =
    "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')";
  const folder = execFileSync(python, ['-c', find], { encoding: 'utf8' }).trim();
  return folder || fail(`${python} has no TensorFlow: ${python} -m pip install tensorflow-cpu`);
}

function libraryOf(name: string): string {
  const found = readdirSync(wheel).find((file) => file.startsWith(`${name}.so`));
  return found ?? fail(`no ${name}.so in ${wheel}. Wheels have it from TensorFlow 2.12 on.`);
}

function fail(what: string): never {
  console.error(`bind-tensorflow: ${what}`);
  process.exit(1);
}
