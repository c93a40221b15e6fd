import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { buildEvidencePacks } from '../../src/personas/evidence.js';
import type { Persona } from '../../src/personas/persona.js';
import { verbalize } from '../../src/personas/verbalize.js';
import { CORPUS, PROFILES } from './sample-profiles.js';

// After a wanted change of wording: UPDATE_GOLDEN=1 npx vitest run test/personas/golden.test.ts, then read the diff.
it.each(['cluster-0001', 'cluster-0006', 'cluster-0008'])('the template writes %s as it did', async (id) => {
  const personas: Persona[] = [];
  await verbalize(buildEvidencePacks(PROFILES, CORPUS), {
    runFingerprint: 'golden',
    seed: 1,
    onPersona: (persona) => void personas.push(persona),
  });
  const persona = personas.find((one) => one.id === id);
  const path = new URL(`../golden/personas/${id}.json`, import.meta.url);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(path, `${JSON.stringify(persona, null, 2)}\n`);
  expect(persona).toEqual(JSON.parse(readFileSync(path, 'utf8')));
});
