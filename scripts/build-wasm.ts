import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TARGET = 'src/reddit/scanner/wasm-binary.ts';

/**
 * The text of `src/reddit/scanner/wasm-binary.ts`, compiled from `assembly/line-scanner.ts`. The result is committed, so
 * that neither a build nor an installation needs the compiler; a test compares it.
 *
 *     npx tsx scripts/build-wasm.ts
 */
export function compileLineScanner(): string {
  const folder = mkdtempSync(join(tmpdir(), 'line-scanner-'));
  try {
    const out = join(folder, 'line-scanner.wasm');
    const compiler = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
    const flags = [
      '-O3',
      '--noAssert',
      '--enable',
      'simd',
      '--runtime',
      'stub',
      '--initialMemory',
      '704',
      '--maximumMemory',
      '704',
    ];
    execFileSync(process.execPath, [compiler, 'assembly/line-scanner.ts', ...flags, '-o', out], {
      cwd: ROOT,
      stdio: 'pipe',
    });
    const base64 = readFileSync(out).toString('base64');
    return `// Made by scripts/build-wasm.ts from assembly/line-scanner.ts. Do not edit.\nexport const LINE_SCANNER_WASM =\n  '${base64}';\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(ROOT, TARGET), compileLineScanner());
