import { type LineScanner, MAX_RECORDS, RECORD_WORDS, WINDOW_BYTES } from './line-scanner.js';
import { LINE_SCANNER_WASM } from './wasm-binary.js';

/** What `assembly/line-scanner.ts` exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly WINDOW: { readonly value: number };
  readonly CAPACITY: { readonly value: number };
  readonly RECORDS: { readonly value: number };
  readonly MAX_RECORDS: { readonly value: number };
  readonly RECORD_BYTES: { readonly value: number };
  readonly NAMES: { readonly value: number };
  readonly NAME_BYTES: { readonly value: number };
  readonly numNames: { readonly value: number };
  readonly numRecords: { readonly value: number };
  init(k0: number, k1: number, k2: number, k3: number): void;
  run(begin: number, have: number, atEnd: number): number;
}

/** Node has it; the types of Node 20 do not. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}
const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyApi };

/** `--jitless` and some platforms have none. */
export const hasWasm = WebAssembly !== undefined;

let compiled: object | undefined;

/** The memory never grows, so that views of it stay what they are. */
export function createWasmScanner(key: Uint32Array): LineScanner {
  if (WebAssembly === undefined) throw new Error('this process has no WebAssembly');
  compiled ??= new WebAssembly.Module(Buffer.from(LINE_SCANNER_WASM, 'base64'));
  const exports = new WebAssembly.Instance(compiled).exports as Exports;
  const { memory, WINDOW, CAPACITY, RECORDS, NAMES, NAME_BYTES } = exports;
  if (
    CAPACITY.value !== WINDOW_BYTES ||
    exports.MAX_RECORDS.value !== MAX_RECORDS ||
    exports.RECORD_BYTES.value !== 4 * RECORD_WORDS
  )
    throw new Error('wasm-binary.ts and line-scanner.ts differ: run scripts/build-wasm.ts');
  exports.init(key[0], key[1], key[2], key[3]);
  const names = Buffer.from(memory.buffer, NAMES.value);
  return {
    window: Buffer.from(memory.buffer, WINDOW.value, WINDOW_BYTES),
    records: new Uint32Array(memory.buffer, RECORDS.value, MAX_RECORDS * RECORD_WORDS),
    get numRecords() {
      return exports.numRecords.value;
    },
    run: (begin, have, atEnd) => exports.run(begin, have, atEnd ? 1 : 0),
    get numNames() {
      return exports.numNames.value;
    },
    nameOf(id) {
      const begin = id * NAME_BYTES.value;
      const end = names.indexOf(0, begin);
      return names.toString('latin1', begin, Math.min(end, begin + NAME_BYTES.value));
    },
  };
}
