import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Persona, personaJsonSchema, personaSchema } from '../../src/personas/persona.js';
import { verbalize } from '../../src/personas/verbalize.js';
import { packs } from './arbitraries.js';
import { problemsUnder } from './json-schema.js';

describe('the persona schema', () => {
  it('describes what the template writes for any evidence, in both its forms', async () => {
    const schema = personaJsonSchema();
    await fc.assert(
      fc.asyncProperty(packs, async (all) => {
        const withEvidence = all.filter((pack) => pack.evidence.length > 0);
        const personas: Persona[] = [];
        await verbalize(withEvidence, { runFingerprint: 'f', seed: 1, onPersona: (p) => void personas.push(p) });
        expect(personas).toHaveLength(withEvidence.length);
        for (const persona of personas) {
          const line = JSON.parse(JSON.stringify(persona)) as Persona;
          expect(personaSchema.parse(line)).toEqual(persona);
          expect(problemsUnder(schema, line)).toEqual([]);
          expect(persona.facets.reduce((sum, facet) => sum + facet.weight, 0)).toBeLessThanOrEqual(1);
        }
        expect(new Set(personas.map((p) => p.title)).size).toBe(personas.length);
      }),
      { seed: 1 },
    );
  });

  it('refuses what is not a persona, in both its forms', async () => {
    const schema = personaJsonSchema();
    const [pack] = fc
      .sample(packs, { seed: 3, numRuns: 50 })
      .flat()
      .filter((one) => one.evidence.length > 1);
    const written: Persona[] = [];
    await verbalize([pack], { runFingerprint: 'f', seed: 1, onPersona: (p) => void written.push(p) });
    const [persona] = written;
    for (const broken of [
      { ...persona, schemaVersion: '2.0' },
      { ...persona, title: '' },
      { ...persona, claims: [] },
      { ...persona, extra: 1 },
      { ...persona, aesthetics: ['cats'] },
      { ...persona, size: { users: -1, interactions: 0 } },
      { ...persona, evidence: [{ ...persona.evidence[0], id: 'X1' }] },
    ]) {
      expect(personaSchema.safeParse(broken).success).toBe(false);
      expect(problemsUnder(schema, broken)).not.toEqual([]);
    }
  });
});
