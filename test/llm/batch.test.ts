import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emitBatch, ingestBatch } from '../../src/llm/batch.js';
import { ReplyCache, rememberingModel, requestKey } from '../../src/llm/cache.js';
import type { GenerateRequest } from '../../src/llm/language-model.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const requests: GenerateRequest[] = Array.from({ length: 5 }, (_, n) => ({
  messages: [{ role: 'user', content: `Group ${n}.` }],
  schema: { type: 'object', properties: { title: { type: 'string', maxLength: 100 } } },
  schemaName: 'persona',
  maxOutputTokens: 100,
  temperature: 0.3,
  seed: 1,
}));

interface Line {
  custom_id: string;
  method: string;
  url: string;
  body: { model: string; messages: { content: string }[]; response_format: unknown };
}
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('a batch', () => {
  it('goes out in files of limited length and comes back as recorded replies, without a key or a network', async () => {
    const folder = newFolder();
    const limits = { maxRequests: 2, maxBytes: 1e6 };
    const { files, requests: written } = await emitBatch([...requests, requests[0]], { model: 'm', folder, limits });
    expect(written).toBe(5);
    expect(files.map((path) => linesOf(path).length)).toEqual([2, 2, 1]);
    const lines = files.flatMap(linesOf);
    expect(lines[0]).toMatchObject({ method: 'POST', url: '/v1/chat/completions', body: { model: 'm' } });
    expect(lines[0].body.response_format).toMatchObject({ type: 'json_schema' });

    const answer = ({ custom_id, body }: Line) => ({
      id: 'batch_req_1',
      custom_id,
      response: {
        status_code: 200,
        body: {
          choices: [{ message: { content: `{"title":"${body.messages[0].content}"}` }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 5, completion_tokens: 4 },
        },
      },
      error: null,
    });
    const failed = { custom_id: lines[4].custom_id, response: { status_code: 500, body: {} }, error: { message: 'x' } };
    const results = [...lines.slice(0, 4).map(answer), failed, answer(lines[0]), 'nonsense'];
    const path = join(folder, 'results.jsonl');
    writeFileSync(path, results.map((result) => JSON.stringify(result)).join('\n'));

    const cache = await ReplyCache.open(join(folder, 'cache.jsonl'), 'record');
    const counts = await ingestBatch([path], cache, 'm');
    expect(counts).toEqual({ read: 7, kept: 4, dropped: { failed: 1, unreadable: 1, known: 1 } });
    const model = rememberingModel({ id: 'm', maxInputTokens: 100 }, undefined, cache);
    expect(await model.generate(requests[3])).toEqual({
      text: '{"title":"Group 3."}',
      usage: { inputTokens: 5, outputTokens: 4 },
      finishReason: 'stop',
    });

    const rest = await emitBatch(requests, { model: 'm', folder: join(folder, 'rest'), cache });
    expect(rest).toMatchObject({ requests: 1, known: 4 });
    expect(linesOf(rest.files[0])[0].custom_id).toBe(requestKey('m', requests[4]));
    await cache.close();
  });
});
