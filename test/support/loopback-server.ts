import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { MinerError } from '../../src/core/errors.js';
import { ggufModel } from '../../src/llm/gguf.js';
import type { ChatBody } from '../llm/chaos-server.js';

// A program: serves the GGUF file of its first argument with the runtime in the folder of its second one, and prints
// `listening PORT`, then `asked HASH` for each request.
const [path, runtime] = process.argv.slice(2);
const model = await ggufModel({ path, runtime, threads: 1 }); // with more, a busy machine makes it crawl

const server = createServer(async (request, response) => {
  const reply = (status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const raw = await text(request);
  if (request.url !== '/v1/chat/completions') return reply(404, { error: { message: `no ${request.url} here` } });
  console.log(`asked ${createHash('sha256').update(raw).digest('hex')}`);
  const {
    messages,
    response_format: format,
    max_tokens = 256,
    temperature = 0,
    seed = 0,
  } = JSON.parse(raw) as ChatBody;
  try {
    const {
      text: content,
      finishReason,
      usage,
    } = await model.generate({
      messages: messages as Parameters<typeof model.generate>[0]['messages'],
      schema: format?.json_schema?.schema ?? { type: 'object' },
      schemaName: 'reply',
      maxOutputTokens: max_tokens,
      temperature,
      seed,
    });
    reply(200, {
      choices: [{ message: { role: 'assistant', content }, finish_reason: finishReason }],
      usage: { prompt_tokens: usage.inputTokens, completion_tokens: usage.outputTokens },
    });
  } catch (error) {
    reply(error instanceof MinerError && error.code === 'ERR_LLM_REQUEST' ? 400 : 500, {
      error: { message: (error as Error).message },
    });
  }
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${(server.address() as AddressInfo).port}`));
