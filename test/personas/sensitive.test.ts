import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildEvidencePacks, EVIDENCE_DEFAULTS } from '../../src/personas/evidence.js';
import { sensitivityOf } from '../../src/personas/sensitive.js';
import { CORPUS, PROFILES } from './sample-profiles.js';

describe('sensitive communities', () => {
  it.each([
    ['gonewild', 'over18'],
    ['depression', 'health'],
    ['lexapro', 'health'],
    ['lgbt', 'sexuality'],
    ['AreTheStraightsOK', 'sexuality'],
    ['PEDs', 'drugs'],
    ['Christianity', 'religion'],
    ['exmormon', 'religion'],
    ['PoliticalHumor', 'politics'],
    ['BlackPeopleTwitter', 'ethnicity'],
    ['trees', 'drugs'],
    ['teenagers', 'minors'],
  ])('%s is %s', (name, category) => {
    expect(sensitivityOf(name)).toBe(category);
  });

  it.each([
    'gardening',
    'EarthPorn',
    'AmItheAsshole',
    'SkincareAddiction',
    'AnarchyChess',
    'MinecraftMemes',
    'AskReddit',
  ])('%s is not', (name) => expect(sensitivityOf(name)).toBeUndefined());

  const SHARED = process.env['MINE_PERSONAS_SHARED'] ?? join(import.meta.dirname, '../../../shared/data');
  const list = (() => {
    try {
      return readFileSync(join(SHARED, 'labels/over18.tsv'), 'utf8').trim().split('\n').slice(1);
    } catch {
      return undefined;
    }
  })();
  it.skipIf(!list)(
    'finds three of four large over-18 communities by name, and few others (needs the shared labels)',
    () => {
      const rows = (list ?? []).map((line) => line.split('\t'));
      const over18 = rows.filter((row) => row[2] === '1');
      const others = rows.filter((row) => row[2] !== '1');
      const found = (some: string[][]) => some.filter(([name]) => sensitivityOf(name) === 'over18').length;
      expect(found(over18) / over18.length).toBeGreaterThan(0.7);
      expect(found(others) / others.length).toBeLessThan(0.01);
    },
  );

  const withAll = PROFILES.map((profile) => ({
    ...profile,
    subreddits: [
      ...profile.subreddits,
      { name: 'depression', usersInCluster: 300, usersTotal: 310, attentionMass: 90 },
      { name: 'marked', usersInCluster: 300, usersTotal: 320, attentionMass: 90 },
    ],
  }));
  const info = new Map([['marked', { over18: true }]]);

  it('stay out of evidence by name and by a table, and what they weighed is told', () => {
    const [pack] = buildEvidencePacks(withAll, CORPUS, { ...EVIDENCE_DEFAULTS, info });
    expect(pack.evidence.map((row) => row.subreddit)).not.toContain('depression');
    expect(pack.evidence.map((row) => row.subreddit)).not.toContain('marked');
    for (const { contrast } of pack.neighbours) expect(contrast).not.toContain('depression');
    expect(pack.excluded).toBeGreaterThan(0.05);
  });

  it('come in where their category was asked for, and only that', () => {
    const options = { ...EVIDENCE_DEFAULTS, info, allowSensitive: ['health' as const] };
    const names = buildEvidencePacks(withAll, CORPUS, options)[0].evidence.map((row) => row.subreddit);
    expect(names).toContain('depression');
    expect(names).not.toContain('marked');
  });
});
