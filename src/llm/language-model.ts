/** A turn of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A JSON Schema as plain data. Portable ones use no `pattern` and no numeric limits; few servers mind those of length. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface GenerateRequest {
  readonly messages: readonly Message[];
  readonly schema: JsonSchema; // what the reply should fit; several servers ignore it, so parse what comes back
  readonly schemaName: string; // [a-zA-Z0-9_-]{1,64}
  readonly maxOutputTokens: number;
  readonly temperature: number; // 0 = greedy
  readonly seed: number; // best effort: hosted models do not promise to honour it
  readonly signal?: AbortSignal | undefined;
}

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0 };

export function sumUsage(a: Usage, b: Usage): Usage {
  return { inputTokens: a.inputTokens + b.inputTokens, outputTokens: a.outputTokens + b.outputTokens };
}

export interface Reply {
  readonly text: string; // as received
  readonly usage: Usage;
  readonly finishReason: 'stop' | 'length' | 'content_filter';
}

/** Whatever puts words together: a server, a local model, a replay of recorded answers. */
export interface LanguageModel {
  readonly id: string; // what a persona's provenance names; says nothing about where the model runs
  readonly maxInputTokens: number;
  /** Tokens of a text, where a tokenizer is at hand; `estimateTokens` takes its place elsewhere. */
  countTokens?(text: string): number;
  generate(request: GenerateRequest): Promise<Reply>;
}

/** Rough number of tokens of English text: four characters each. No tokenizer is at hand for a model we do not know. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
