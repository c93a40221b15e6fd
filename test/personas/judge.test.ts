import { describe, expect, it } from 'vitest';
import type { GenerateRequest, LanguageModel } from '../../src/llm/language-model.js';
import { buildEvidencePacks } from '../../src/personas/evidence.js';
import { judgeClaims } from '../../src/personas/judge.js';
import { type Persona, personaSchema } from '../../src/personas/persona.js';
import { verbalize } from '../../src/personas/verbalize.js';
import { CORPUS, PROFILES } from './sample-profiles.js';

const personas: Persona[] = [];
await verbalize(buildEvidencePacks(PROFILES.slice(0, 2), CORPUS), {
  runFingerprint: 'judged',
  seed: 1,
  onPersona: (persona) => void personas.push(persona),
});
const [persona] = personas;

/** A judge that gives these answers one after the other; `asked` is what it was asked. */
function judgeWith(...answers: string[]) {
  const asked: GenerateRequest[] = [];
  const model: LanguageModel = {
    id: 'judge',
    maxInputTokens: 8192,
    async generate(request) {
      asked.push(request);
      const text = answers[Math.min(asked.length, answers.length) - 1];
      return { text, finishReason: 'stop', usage: { inputTokens: 10, outputTokens: 2 } };
    },
  };
  return { model, asked };
}

const idsOf = ({ claims }: Persona) => claims.map((_, n) => `C${n + 1}`);

describe('a judge of claims', () => {
  it('is shown each claim with the rows that it cites, and may name no other', async () => {
    const { model, asked } = judgeWith(JSON.stringify({ supported: idsOf(persona) }));
    await judgeClaims(persona, model, { seed: 7 });
    const [{ messages, schema, temperature, seed }] = asked;
    expect({ temperature, seed }).toEqual({ temperature: 0, seed: 7 });
    expect(JSON.stringify(schema)).toContain(JSON.stringify(idsOf(persona)));
    const shown = messages[1].content.split('\n').filter((line) => line.startsWith('{"id"'));
    expect(shown.map((line) => JSON.parse(line) as unknown)).toEqual(
      persona.claims.map(({ text, evidence }, n) => ({
        id: `C${n + 1}`,
        statement: text,
        rows: evidence
          .flatMap((id) => persona.evidence.filter((row) => row.id === id))
          .map(({ subreddit, share, lift, attention }) => ({ subreddit, share, lift, attention })),
      })),
    );
  });

  it('takes out what it does not find supported, and this is counted', async () => {
    const { model } = judgeWith('{"supported": ["C1", "C3"]}');
    const judged = await judgeClaims(persona, model, { seed: 1 });
    expect(judged.persona.claims).toEqual([persona.claims[0], persona.claims[2]]);
    const { claimsIn, claimsKept, removed } = judged.persona.provenance.verification;
    expect(removed).toEqual({ judged_unsupported: persona.claims.length - 2 });
    expect(claimsIn).toBe(claimsKept + Object.values(removed).reduce((sum, n) => sum + n, 0));
    expect(judged).toMatchObject({ calls: 1, usage: { inputTokens: 10, outputTokens: 2 } });
    expect(personaSchema.parse(judged.persona)).toEqual(judged.persona);
  });

  it.each([
    ['all', JSON.stringify({ supported: idsOf(persona) })],
    ['none', '{"supported": []}'],
  ])('that finds %s supported changes nothing: a persona without a claim is none', async (_, answer) => {
    expect((await judgeClaims(persona, judgeWith(answer).model, { seed: 1 })).persona).toBe(persona);
  });

  it('that answers with ids which there are not is asked once more, and then given up', async () => {
    const { model, asked } = judgeWith('{"supported": ["C99"]}', '{"supported": ["C2"]}');
    expect((await judgeClaims(persona, model, { seed: 1 })).persona.claims).toEqual([persona.claims[1]]);
    expect(asked).toHaveLength(2);
    const stubborn = judgeWith('{"supported": ["C99"]}').model;
    await expect(judgeClaims(persona, stubborn, { seed: 1 })).rejects.toThrow('no usable verdict');
  });
});
