import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { TrainingBatch } from '../training/batch.js';
import {
  type BatchOrigin,
  type BatchRequest,
  type BatchSource,
  batchesOnDemand,
  batchSampling,
} from '../training/batch-source.js';

/**
 * Samples the next batch on a thread of its own while the last step computes. The thread reads the graph where it lies.
 * Threads need the compiled file: under a test runner that compiles on the fly, batches are sampled on demand.
 */
export function batchesAhead(origin: BatchOrigin): BatchSource {
  if (!import.meta.url.endsWith('.js')) return batchesOnDemand(origin);
  const worker = new Worker(new URL(import.meta.url), { workerData: { batchOrigin: origin } });
  let asked: { readonly step: number; readonly batch: Promise<TrainingBatch> } | undefined;

  function ask({ step, users }: BatchRequest): void {
    const batch = new Promise<TrainingBatch>((resolve, reject) => {
      worker.removeAllListeners();
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (status) => reject(new Error(`the thread that samples batches ended with status ${status}`)));
    });
    batch.catch(() => {}); // whoever takes the batch hears of it
    worker.postMessage({ step, users: users.slice() } satisfies BatchRequest);
    asked = { step, batch };
  }

  return {
    ask,
    take(request) {
      if (asked?.step !== request.step) ask(request);
      return asked!.batch;
    },
    async dispose() {
      worker.removeAllListeners();
      await worker.terminate();
    },
  };
}

const origin = (workerData as { batchOrigin?: BatchOrigin } | null)?.batchOrigin;
if (!isMainThread && parentPort && origin) {
  const port = parentPort;
  const sample = batchSampling(origin);
  port.on('message', (request: BatchRequest) => port.postMessage(sample(request)));
}
