import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NOT_SLOW } from '../e2e/program.js';
import { sharedFile } from '../shared-data.js';
import { llamaRuntime } from './runtimes.js';

export const TINY_MODEL = 'models/stories260K.gguf';

/** Why tests with the tiny model are left out; empty where they run. */
export const NO_LOOPBACK_MODEL =
  NOT_SLOW || (sharedFile(TINY_MODEL) === undefined ? `${TINY_MODEL} of the shared data is not here` : '');

/** A real language model behind a real OpenAI-compatible server, in a process of its own. It speaks nonsense. */
export interface LoopbackModel {
  readonly baseURL: string; // ends in /v1
  readonly asked: readonly string[]; // the hash of each request's body, in the order of their arrival
  close(): Promise<void>;
}

/**
 * Starts the model of the shared data: 260 thousand parameters, 512 tokens of vocabulary, a context of 2,048 tokens, so
 * that prompts above about 2,000 characters are refused with status 400. Replies are held to the JSON Schema by a
 * grammar and, for one seed, are always the same. The runtime, 85 MB, is installed at first use.
 */
export async function loopbackModel(): Promise<LoopbackModel> {
  const script = join(import.meta.dirname, 'loopback-server.ts');
  const args = ['--import', 'tsx', script, sharedFile(TINY_MODEL) as string, llamaRuntime()];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const asked: string[] = [];
  const port = await new Promise<string>((listening, failed) => {
    child.once('exit', (status) => failed(new Error(`the server of the tiny model ended with status ${status}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [what, value] = line.split(' ');
      if (what === 'listening') listening(value);
      else asked.push(value);
    });
  });
  return { baseURL: `http://127.0.0.1:${port}/v1`, asked, close: () => ended(child) };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once('exit', () => done());
    child.kill('SIGKILL');
  });
}
