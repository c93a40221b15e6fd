import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { messageOf, ResourceError } from '../core/errors.js';
import { embeddingBagTensorflow } from './embedding-bag/tensorflow.js';
import { gatV2AttentionTensorflow } from './gatv2-attention/tensorflow.js';
import { infoNceTensorflow } from './info-nce/tensorflow.js';
import { TENSORFLOW } from './tensorflow-kernel.js';

/** Optional peers that bring the backend, best first. */
const PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

const require = createRequire(import.meta.url);

/** The package that would bring the engine `tensorflow`, where one is installed; it need not work. */
export function findTensorflow(): (typeof PACKAGES)[number] | undefined {
  return PACKAGES.find((name) => {
    try {
      require.resolve(name);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Registers the engine `tensorflow`: the backend of tfjs-node with our ops, put together from stock ones. Calling it
 * again does nothing.
 *
 * @returns which package and which TensorFlow run
 */
export function registerTensorflowEngine(): string {
  const name = findTensorflow();
  if (!name)
    throw new ResourceError(
      'ERR_ENGINE',
      'The engine tensorflow needs the package @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu, version 4.22.0; neither is installed.',
      { engine: TENSORFLOW },
    );
  const description = load(name);
  for (const kernel of [...embeddingBagTensorflow, ...gatV2AttentionTensorflow, ...infoNceTensorflow])
    if (tf.getKernel(kernel.kernelName, TENSORFLOW) == null) tf.registerKernel(kernel);
  return description;
}

function load(name: string): string {
  // tfjs-node 4.22 calls two functions that Node 23 removed
  Object.assign(util, {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: Array.isArray,
  });
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // errors only: the rest is chatter about the processor
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'; // otherwise it takes the whole memory of a GPU at once
  try {
    require(name);
  } catch (thrown) {
    throw new ResourceError(
      'ERR_ENGINE',
      `The package ${name} is installed but does not load: ${firstLine(thrown)} Its installer can no longer fetch TensorFlow; scripts/bind-tensorflow.ts binds it to the one of a Python wheel.`,
      { engine: TENSORFLOW, package: name },
      { cause: thrown },
    );
  }
  if (tf.findBackendFactory(TENSORFLOW) === null)
    throw new ResourceError(
      'ERR_ENGINE',
      `The package ${name} brought another copy of @tensorflow/tfjs-core than ours, ${tf.version_core}. Install version ${tf.version_core} of it.`,
      { engine: TENSORFLOW, package: name },
    );
  const { binding } = tf.findBackend(TENSORFLOW) as tf.KernelBackend & { binding: { TF_Version: string } };
  return `TensorFlow ${binding.TF_Version} through ${name}`;
}

function firstLine(thrown: unknown): string {
  return `${messageOf(thrown).split('\n', 1)[0].replace(/\.$/, '')}.`;
}
