import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a test saw of one request. */
export interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: ChatBody;
  readonly at: number; // ms
}

export interface ChatBody {
  messages: { role: string; content: string }[];
  response_format?: { type: string; json_schema?: { name?: string; schema: Record<string, unknown> } };
  max_tokens?: number;
  max_completion_tokens?: number;
  temperature?: number;
  seed?: number;
}

export type Answer = (seen: Seen, response: ServerResponse, n: number) => void;

/** A language model server that does what the test says, request by request; the last answer repeats. */
export async function chaosServer(...answers: Answer[]) {
  const seen: Seen[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      const entry = {
        path: request.url ?? '',
        authorization: request.headers.authorization,
        body: JSON.parse(text || '{}') as ChatBody,
        at: performance.now(),
      };
      seen.push(entry);
      answers[Math.min(seen.length, answers.length) - 1](entry, response, seen.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    host: `127.0.0.1:${port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A chat completion that says `content`. */
export function says(content: string, finishReason = 'stop'): Answer {
  return (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        choices: [{ message: { role: 'assistant', content }, finish_reason: finishReason }],
        usage: { prompt_tokens: 11, completion_tokens: 7 },
      }),
    );
  };
}

export function status(code: number, message: string, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message, type: 'error', code: headers['x-error-code'] ?? null } }));
  };
}

export const html: Answer = (_, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<html><body>Sign in to the hotel network</body></html>');
};

export const emptyBody: Answer = (_, response) => {
  response.setHeader('content-type', 'application/json');
  response.end();
};

export const hangs: Answer = () => {};

export const hangsInBody: Answer = (_, response) => {
  response.setHeader('content-type', 'application/json');
  response.write('{"choices":[');
};

export const cutBody: Answer = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
  response.write('{"choices":[{"message":{"content":"half', () => response.destroy());
};

export const resets: Answer = (_, response) => {
  response.destroy();
};
