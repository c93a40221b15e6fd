import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildEvidencePacks } from '../../src/personas/evidence.js';
import { templateDrafts } from '../../src/personas/template.js';
import { verifyDraft } from '../../src/personas/verify.js';
import { packs } from './arbitraries.js';
import { CORPUS, PROFILES } from './sample-profiles.js';

const samplePacks = buildEvidencePacks(PROFILES, CORPUS);
const drafts = templateDrafts(samplePacks);

describe('templateDrafts', () => {
  it('writes nothing that the checks would remove, for any evidence', () => {
    fc.assert(
      fc.property(packs, (all) => {
        const withEvidence = all.filter((pack) => pack.evidence.length > 0);
        templateDrafts(withEvidence).forEach((draft, n) => {
          const { draft: kept, verification } = verifyDraft(draft, withEvidence[n].evidence);
          expect(verification).toEqual({
            claimsIn: draft.claims.length,
            claimsKept: draft.claims.length,
            removed: {},
            edits: {},
          });
          expect(kept).toEqual(draft);
        });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('names topics of a table, but none that says who people are or leads to somebody', () => {
    const topics = [
      'star gazing',
      'male fashion',
      'Fashion, New Girl',
      '19 year olds',
      'see www.x.org',
      'ask u/someone',
    ];
    for (const topic of topics)
      for (const unit of ['cluster', 'user'] as const) {
        const evidence = samplePacks[8].evidence.map((row) => ({ ...row, topic }));
        const [draft] = templateDrafts([{ ...samplePacks[8], unit, evidence }]);
        expect(draft.interests).toEqual(topic === 'star gazing' ? [topic] : []);
        const { verification } = verifyDraft(draft, evidence, { minShare: 0, unit });
        expect({ ...verification.removed, ...verification.edits }).toEqual({});
      }
  });

  it('gives different titles, telling clusters of one topic apart by what the other lacks', () => {
    expect(new Set(drafts.map((draft) => draft.title)).size).toBe(drafts.length);
    expect(drafts[1].title).toBe('Gardeners, also into cooking and baking');
    expect(drafts[9].title).toMatch(/^Gardeners, around r\//);
    const twins = templateDrafts([samplePacks[0], { ...samplePacks[0], id: 'cluster-0099' }]).map((d) => d.title);
    expect(twins).toEqual(['Programmers (cluster-0000)', 'Programmers (cluster-0099)']);
  });

  it('states a country only where its community is strong, and never age or gender', () => {
    expect(drafts[6].demographics).toMatchObject({ country: 'Germany', locale: 'Europe', language: 'German' });
    expect(drafts[2].demographics).toMatchObject({ country: 'United Kingdom', language: null });
    expect(drafts[10].demographics.profession).toBe('healthcare/public service');
    expect(drafts[3].demographics.country).toBeNull();
    for (const { demographics } of drafts) {
      expect(demographics.ageRange).toBeNull();
      expect(demographics.gender).toBeNull();
    }
  });

  it('names communities that it has no word for, and invents nothing about them', () => {
    const { title, interests, traits, aesthetics, summary } = drafts[8];
    expect(title).toBe('Regulars of r/Zorvex and r/TheQuillRoom');
    expect([interests, traits, aesthetics]).toEqual([[], [], []]);
    expect(summary).toContain('r/blorbo_watch');
  });

  it('writes the same for the same evidence, and for each cluster whatever stands beside it', () => {
    expect(templateDrafts(samplePacks)).toEqual(drafts);
    expect(templateDrafts([samplePacks[4]])[0]).toEqual(drafts[4]);
  });
});
