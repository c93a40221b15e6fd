import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { IMAGE_SERVERS, type ImageServerKind, openImageServer } from '../../src/images/image-server.js';
import { drawAll } from '../../src/pipeline/draw.js';
import { rewrite } from '../../src/rewriting/rewrite.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

let server: Server | undefined;
afterEach(() => server?.close());

/** Speaks all three protocols; `trouble` answers the first requests in its own way. */
async function stub(trouble: ((response: import('node:http').ServerResponse) => void)[] = []) {
  const asked: Record<string, unknown>[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const isDrawing = request.method === 'POST';
      const wrong = isDrawing ? trouble.shift() : undefined;
      if (wrong) return wrong(response);
      if (isDrawing) asked.push(JSON.parse(body) as Record<string, unknown>);
      const json = (value: unknown) => response.end(JSON.stringify(value));
      const url = request.url ?? '';
      if (url === '/images/generations') json({ data: [{ b64_json: PNG.toString('base64') }] });
      else if (url === '/sdapi/v1/txt2img') json({ images: [PNG.toString('base64')] });
      else if (url === '/prompt') json({ prompt_id: 'one' });
      else if (url.startsWith('/history/'))
        json({ one: { outputs: { 7: { images: [{ filename: 'a.png', subfolder: '', type: 'output' }] } } } });
      else if (url.startsWith('/view?')) response.end(PNG);
      else {
        response.statusCode = 404;
        response.end();
      }
    });
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  const baseURL = `http://127.0.0.1:${((server as Server).address() as AddressInfo).port}`;
  const open = (kind: ImageServerKind, timeoutMs = 5000) =>
    openImageServer({ kind, baseURL, model: 'm', random: new Random(1), timeoutMs, maxAttempts: 3, pollMs: 5 });
  return { asked, open };
}

const REQUEST = { prompt: 'a red fox', seed: 7, width: 64, height: 32, steps: 4 };

describe.each(IMAGE_SERVERS)('the adapter of %s', (kind) => {
  it('asks for the prompt, the seed and the size, and gets the picture', async () => {
    const { asked, open } = await stub();
    expect((await open(kind).draw(REQUEST)).equals(PNG)).toBe(true);
    const text = JSON.stringify(asked[0]);
    expect(text).toContain('a red fox');
    expect(text).toContain('"seed":7');
    expect(text).toMatch(/64x32|"width":64,"height":32/);
  });

  it('tries again after an overloaded server, a web page and a cut answer', async () => {
    const { open } = await stub([
      (response) => response.writeHead(503).end(),
      (response) => response.end('<html>starting</html>'),
    ]);
    expect((await open(kind).draw(REQUEST)).equals(PNG)).toBe(true);
    const cut = await stub([
      (response) => response.writeHead(200, { 'content-length': '100' }).write('{"da', () => response.destroy()),
    ]);
    expect((await cut.open(kind).draw(REQUEST)).equals(PNG)).toBe(true);
  });

  it('says so when the server hangs, or refuses', async () => {
    const hanging = await stub([() => {}, () => {}, () => {}]);
    await expect(hanging.open(kind, 60).draw(REQUEST)).rejects.toMatchObject({ code: 'ERR_IMAGE_TIMEOUT' });
    const refusing = await stub([(response) => response.writeHead(401).end()]);
    await expect(refusing.open(kind).draw(REQUEST)).rejects.toMatchObject({ code: 'ERR_IMAGE_AUTH' });
  });
});

describe('drawing a file of rewrites', () => {
  async function file(prompts: readonly string[]) {
    const folder = newFolder();
    const lines = await Promise.all(
      prompts.map((prompt, i) =>
        rewrite(
          { promptId: `p${i}`, prompt, persona: undefined, shots: [] },
          { model: undefined, seed: 1, temperature: 0 },
        ),
      ),
    );
    writeFileSync(join(folder, 'prompts.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const settings = { seed: 1, perPrompt: 2, width: 64, height: 64, steps: 1, concurrency: 3, serverName: 'm' };
    return { rewrites: join(folder, 'prompts.jsonl'), out: join(folder, 'pictures'), ...settings };
  }

  it('draws what is missing and nothing else, with the same seeds', async () => {
    const { asked, open } = await stub();
    const settings = await file(['a fox', 'a castle', 'a robot']);
    expect(await drawAll(settings, open('openai'), silentLog)).toEqual({ read: 6, drawn: 6, found: 0, failed: 0 });
    const index = readFileSync(join(settings.out, 'images.jsonl'), 'utf8');
    const pictures = readdirSync(settings.out).filter((name) => name.endsWith('.png'));
    rmSync(join(settings.out, pictures[2]));
    expect(await drawAll(settings, open('openai'), silentLog)).toEqual({ read: 6, drawn: 1, found: 5, failed: 0 });
    expect(asked).toHaveLength(7);
    expect(readFileSync(join(settings.out, 'images.jsonl'), 'utf8')).toBe(index);
  });

  it('counts what failed and leaves it out of the index', async () => {
    const bad = (response: import('node:http').ServerResponse) => response.writeHead(400).end();
    const { open } = await stub([bad]);
    const settings = { ...(await file(['a fox', 'a castle'])), concurrency: 1 };
    expect(await drawAll(settings, open('openai'), silentLog)).toEqual({ read: 4, drawn: 3, found: 0, failed: 1 });
    expect(readFileSync(join(settings.out, 'images.jsonl'), 'utf8').trim().split('\n')).toHaveLength(3);
  });
});
