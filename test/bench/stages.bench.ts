import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { CMMD_DEFAULTS, cmmd, unitRows } from '../../src/evaluation/cmmd.js';
import { fastMatMul } from '../../src/evaluation/fast-mat-mul.js';
import { configSchema } from '../../src/pipeline/config.js';
import { type RewriteSettings, rewriteAll } from '../../src/pipeline/rewrite.js';

/**
 * The stages after the miner: CMMD of 40,000 × 768 vectors, and rewriting for 1,500 users.
 *
 *     npm run bench -- stages            all three
 *     BENCH=cmmd|template|endpoint npm run bench -- stages
 */
const only = process.env['BENCH'];
const wanted = (name: string) => only === undefined || only === name;
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const peakMb = () => Math.round(process.resourceUsage().maxRSS / 1024);

async function timed(name: string, work: () => Promise<string> | string): Promise<void> {
  const [wall, cpu] = [performance.now(), cpuSeconds()];
  const said = await work();
  const seconds = (performance.now() - wall) / 1000;
  console.log(
    `${name}: ${seconds.toFixed(1)} s wall, ${(cpuSeconds() - cpu).toFixed(1)} s CPU, peak ${peakMb()} MB · ${said.replace('{s}', seconds.toFixed(1))}`,
  );
}

if (wanted('cmmd')) {
  const [rows, dim] = [Number(process.env['ROWS'] ?? 40_000), 768];
  const random = new Random(1);
  const noise = Float32Array.from({ length: 1 << 20 }, () => random.normal());
  const set = (offset: number, shift: number) =>
    unitRows({
      dim,
      values: Float32Array.from(
        { length: rows * dim },
        (_, at) => noise[(at * 7 + offset + Math.floor(at / 977)) & 0xfffff] + 0.9 + (at % dim < 64 ? shift : 0),
      ),
    });
  const [x, y] = [set(0, 0.2), set(12_345, 0)];
  const { multiply, engine } = fastMatMul();
  const tiles = Math.ceil(rows / 1024);
  const products = 2 * dim * 1024 ** 2;
  const flops = products * (tiles * (tiles + 1) + tiles * tiles) * (rows / (tiles * 1024)) ** 2;
  // the product alone, on the tile that CMMD uses: what the machine gives
  const tile = new Float32Array(1024 * 1024);
  const shape = { m: 1024, n: 1024, k: dim, transposeB: true };
  const block = x.values.subarray(0, Math.min(rows, 1024) * dim);
  multiply(shape, block, block, tile);
  const begin = performance.now();
  for (let i = 0; i < 20; i++) multiply(shape, block, block, tile);
  const limit = (20 * products) / ((performance.now() - begin) / 1000);
  const begun = performance.now();
  await timed(`CMMD ${rows} × ${dim} against as many`, () => {
    const { unbiased, biased, standardError } = cmmd(x, y, { ...CMMD_DEFAULTS, multiply });
    const rate = flops / ((performance.now() - begun) / 1000);
    return `${unbiased.toFixed(4)} ± ${standardError.toFixed(4)} (biased ${biased.toFixed(4)}) · ${(rate / 1e9).toFixed(1)} GFLOP/s, kernels and sums included; the product alone ${(limit / 1e9).toFixed(1)} GFLOP/s · ${engine}`;
  });
}

const folder = mkdtempSync(join(tmpdir(), 'mine-personas-bench-'));
try {
  const users = 1500;
  const prompts = Number(process.env['PROMPTS'] ?? 40_000);
  const interests = ['gardening', 'programming', 'video games', 'cars', 'film', 'cooking', 'hiking', 'music'];
  const persona = (i: number) => ({
    id: `user-${i}`,
    title: 'A user',
    roleplay: `I follow ${interests[i % 8]} and ${interests[(i * 3 + 1) % 8]}.`,
    interests: [interests[i % 8], interests[(i * 3 + 1) % 8]],
    traits: ['calm', 'creative'],
    aesthetics: ['nature and animals'],
    facets: [
      { title: interests[i % 8], weight: 0.6 },
      { title: interests[(i * 3 + 1) % 8], weight: 0.4 },
    ],
  });
  const lines = (count: number, line: (i: number) => unknown) =>
    Array.from({ length: count }, (_, i) => `${JSON.stringify(line(i))}\n`).join('');
  writeFileSync(join(folder, 'personas.jsonl'), lines(users, persona));
  const base = ['a red fox in the snow', 'a castle by a lake', 'a robot watering plants', 'a street in the rain'];
  writeFileSync(
    join(folder, 'assigned.jsonl'),
    lines(prompts, (i) => ({ id: `p${i}`, prompt: `${base[i % 4]}, view ${i}`, persona: `user-${i % users}` })),
  );
  writeFileSync(
    join(folder, 'crossed.jsonl'),
    lines(200, (i) => ({ id: `p${i}`, prompt: `${base[i % 4]}, view ${i}` })),
  );
  const settings: RewriteSettings = {
    personas: join(folder, 'personas.jsonl'),
    prompts: join(folder, 'assigned.jsonl'),
    out: join(folder, 'assigned.out.jsonl'),
    shots: 0,
    baseline: false,
    seed: 1,
    temperature: 0,
    llm: configSchema.parse({}),
  };
  if (wanted('template')) {
    await timed(
      `template, ${prompts} prompts of ${users} users`,
      async () => `${(await rewriteAll(settings, silentLog)).lines} lines in {s} s`,
    );
    const crossed = { ...settings, prompts: join(folder, 'crossed.jsonl'), out: join(folder, 'crossed.out.jsonl') };
    await timed(
      `template, 200 prompts × ${users} users`,
      async () => `${(await rewriteAll(crossed, silentLog)).lines} lines in {s} s`,
    );
  }
  if (wanted('endpoint')) {
    const seen = new Map<string, number>();
    let requests = 0;
    let underWay = 0;
    let most = 0;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        requests++;
        most = Math.max(most, ++underWay);
        seen.set(body, (seen.get(body) ?? 0) + 1);
        const prompt = /PROMPT\\n(.*?)\\nPROMPT/.exec(body)?.[1] ?? '';
        const content = JSON.stringify({
          rewritten: `${prompt}, soft light, calm colours, wide framing`,
          kept_subjects: [],
          changed: [],
        });
        setTimeout(() => {
          underWay--;
          response.setHeader('content-type', 'application/json');
          response.end(
            JSON.stringify({
              choices: [{ message: { content }, finish_reason: 'stop' }],
              usage: { prompt_tokens: 300, completion_tokens: 40 },
            }),
          );
        }, 20); // ms: a fast server
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const llm = configSchema.parse({
      llm: 'openai-compatible',
      llmModel: 'mock',
      llmBaseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      llmConcurrency: 64,
    });
    const asked = { ...settings, out: join(folder, 'asked.out.jsonl'), llm };
    // stopped half-way and resumed, as a person would
    const stop = new AbortController();
    const watch = setInterval(() => requests >= prompts / 2 && stop.abort(new Error('stopped')), 20);
    await timed('mock endpoint, first half, 64 at a time', async () => {
      await rewriteAll(asked, silentLog, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
      return `${requests} requests, at most ${most} at once; stopped`;
    });
    clearInterval(watch);
    await timed('mock endpoint, resumed', async () => `${(await rewriteAll(asked, silentLog)).lines} lines in the end`);
    const twice = [...seen.values()].filter((count) => count > 1).length;
    const out = readFileSync(asked.out, 'utf8').split('\n').length - 1;
    console.log(`requests ${requests}, different ${seen.size}, asked more than once ${twice}; lines ${out}`);
    server.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
