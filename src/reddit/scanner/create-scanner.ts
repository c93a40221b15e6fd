import type { LineScanner } from './line-scanner.js';
import { createNewlineScanner } from './newline-scanner.js';
import { createTypeScriptScanner } from './typescript-scanner.js';
import { createWasmScanner, hasWasm } from './wasm-scanner.js';

/**
 * `wasm` and `typescript` have one meaning and differ in speed; `json` leaves every line to `JSON.parse`, which defines
 * that meaning.
 */
export type ScannerKind = 'wasm' | 'typescript' | 'json';

/** @param key the key of `sipHash24` */
export function createLineScanner(kind: ScannerKind, key: Uint32Array): LineScanner {
  if (kind === 'json') return createNewlineScanner();
  return kind === 'wasm' ? createWasmScanner(key) : createTypeScriptScanner(key);
}

/** The faster of the two that this process can run. */
export function bestScanner(): ScannerKind {
  return hasWasm ? 'wasm' : 'typescript';
}
