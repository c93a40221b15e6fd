import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/artifacts/manifest.js';
import { buildEvidencePacks } from '../../src/personas/evidence.js';
import type { Persona } from '../../src/personas/persona.js';
import { verbalize } from '../../src/personas/verbalize.js';
import { escaped, reportPage } from '../../src/pipeline/report-page.js';
import { CORPUS, PROFILES } from '../personas/sample-profiles.js';

const personas: Persona[] = [];
await verbalize(buildEvidencePacks(PROFILES, CORPUS), {
  runFingerprint: 'page',
  seed: 1,
  onPersona: (persona) => void personas.push(persona),
});
const manifest = (stage: string, ...notes: string[]) =>
  ({
    stage,
    notes,
    accounting: [{ unit: 'rows', read: 3, kept: 2, dropped: { odd: 1, none: 0 } }],
  }) as unknown as Manifest;
const manifests = { ingest: manifest('ingest'), verbalize: manifest('verbalize', 'a note') };
const page = reportPage(personas, manifests);

/** Every tag of a page without its attributes, and every attribute's name. */
function tagsOf(html: string): string[] {
  return [...html.matchAll(/<(\/?[a-z0-9!]+)/gi)].map(([, tag]) => tag.toLowerCase());
}

describe('the page of personas', () => {
  it('shows each persona with its claims and the rows that they cite, a click away', () => {
    const anchors = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    expect(links.filter((link) => !anchors.has(link))).toEqual([]);
    for (const { title, summary, roleplay, claims, evidence } of personas) {
      for (const text of [title, summary, roleplay, ...claims.map((claim) => claim.text)])
        expect(page).toContain(escaped(text));
      for (const { subreddit } of evidence) expect(page).toContain(`r/${subreddit}`);
    }
    expect(page).toContain('a note');
    expect(page).toContain('odd 1');
    expect(page).not.toContain('none 0');
  });

  it('loads nothing and runs nothing', () => {
    expect(page).toContain("content=\"default-src 'none'; style-src 'unsafe-inline'");
    expect(page).not.toMatch(/<script|<img|<link|<iframe|<form|javascript:|https?:|\son\w+=|url\(/i);
  });

  it('stays the page that it is, whatever texts a persona holds', () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        '</article><script>document.title="x"</script>',
        '" onmouseover="x',
        "' id='y",
        '<!--',
        '&lt;b>',
        '\u202e\u001b[31m',
      ),
      fc.string({ unit: 'binary', maxLength: 40 }),
    );
    const [persona] = personas;
    const plain = tagsOf(reportPage([persona], manifests));
    fc.assert(
      fc.property(hostile, (text) => {
        const claims = persona.claims.map((claim) => ({ ...claim, text }));
        const evidence = persona.evidence.map((row) => ({ ...row, subreddit: text }));
        const changed: Persona = {
          ...persona,
          title: text,
          summary: text,
          roleplay: text,
          claims,
          evidence,
          interests: [text],
        };
        const html = reportPage([changed], manifests);
        expect(tagsOf(html)).toEqual(plain);
        expect(html.replaceAll('\n', ' ')).not.toMatch(/\p{Cc}|\p{Cf}/u);
        expect(html.match(/\son\w+="/)).toBeNull();
      }),
      { seed: 11, numRuns: 50 },
    );
  });

  it('of very many personas shows the first and says so', () => {
    const many = Array.from({ length: 501 }, (_, n) => ({ ...personas[0], id: `cluster-${n}` }));
    expect(reportPage(many, manifests)).toContain('The first 500 of 501 personas.');
  });
});
