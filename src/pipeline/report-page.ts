import type { Manifest } from '../artifacts/manifest.js';
import { plainText } from '../llm/plain-text.js';
import type { Persona } from '../personas/persona.js';

/** Personas on a page at the most: a page of more is not read, and a browser does not open it. */
const MAX_SHOWN = 500;

/**
 * A page on which a person reads the personas of a run and looks up what each sentence rests on. One file without
 * scripts, addresses or fonts; it loads nothing, and says so to the browser. Every text is data: escaped, and visible.
 */
export function reportPage(personas: readonly Persona[], manifests: Readonly<Record<string, Manifest>>): string {
  const shown = personas.slice(0, MAX_SHOWN);
  const ids = new Set(shown.map(({ id }) => id));
  const { verbalize } = manifests;
  const notes = verbalize.notes.map((note) => `<li>${escaped(note)}</li>`).join('');
  const more =
    personas.length > shown.length ? `<p>The first ${shown.length} of ${count(personas.length)} personas.</p>` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${personas.length} personas</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${count(personas.length)} personas</h1>
<p>Machine-written stereotypes of what groups of people do together, not people. How they were made and what they must not be
taken for is in README.md beside this page.</p>
${more}<nav><ol>${shown.map(contentsEntry).join('')}</ol></nav>
${shown.map((persona) => article(persona, ids)).join('\n')}
<h2>From what to what</h2>
${accountingTable(Object.values(manifests))}
<ul>${notes}</ul>
</body>
</html>
`;
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
article { border-top: 1px solid #ccc; margin-top: 2rem } h2 small, .quiet { color: #666; font-weight: normal; font-size: .85em }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid #9ab }
table { border-collapse: collapse; width: 100%; font-size: .9em } td, th { text-align: left; padding: .15rem .6rem .15rem 0; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums } meter { width: 6rem }
a { color: #246 } :target { background: #ffd }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } a { color: #9cf } :target { background: #443 } }`;

function contentsEntry({ id, title, size }: Persona): string {
  return `<li><a href="#${idOf(id)}">${escaped(title)}</a> <span class="quiet">${count(size.users)}</span></li>`;
}

function article(persona: Persona, ids: ReadonlySet<string>): string {
  const { id, title, size, summary, roleplay, claims, evidence, provenance, neighbours = [] } = persona;
  const { claimsIn, claimsKept } = provenance.verification;
  const near = neighbours
    .filter((one) => ids.has(one.id))
    .map((one) => `<a href="#${idOf(one.id)}">${escaped(one.id)}</a>`);
  const terms = [
    ['Interests', persona.interests],
    ['Traits', persona.traits],
    ['Pictures', persona.aesthetics],
    ['Demographics', Object.values(persona.demographics).filter((value) => value !== null)],
  ] as const;
  return `<article id="${idOf(id)}">
<h2>${escaped(title)} <small>${escaped(id)}, ${count(size.users)} ${size.users === 1 ? 'person' : 'people'}</small></h2>
<p>${escaped(summary)}</p>
<blockquote>${escaped(roleplay)}</blockquote>
<p>${terms.map(([name, list]) => `${name}: ${list.length > 0 ? escaped(list.join(', ')) : 'unknown'}.`).join('<br>')}</p>
<details><summary>${claims.length} claims and their evidence</summary>
<ol>${claims.map((claim) => `<li>${escaped(claim.text)} <span class="quiet">${claim.evidence.map((row) => `<a href="#${idOf(`${id}-${row}`)}">${escaped(row)}</a>`).join(' ')}, ${claim.confidence} confidence</span></li>`).join('')}</ol>
<table><tr><th></th><th>subreddit</th><th class="number">people</th><th class="number">share</th><th></th><th class="number">times usual</th><th class="number">attention</th></tr>
${evidence.map((row) => evidenceRow(id, row)).join('\n')}
</table></details>
<p class="quiet">Written by ${escaped(provenance.model ?? provenance.generator)}; ${claimsKept} of ${claimsIn} claims kept.${near.length > 0 ? ` Most alike: ${near.join(', ')}.` : ''}</p>
</article>`;
}

function evidenceRow(persona: string, row: Persona['evidence'][number]): string {
  const about = [row.topic, row.description, row.note].filter((text) => text !== undefined).join(' – ');
  return `<tr id="${idOf(`${persona}-${row.id}`)}"><td>${escaped(row.id)}</td><td>r/${escaped(row.subreddit)}${about === '' ? '' : `<br><span class="quiet">${escaped(about)}</span>`}</td><td class="number">${count(row.users)}</td><td class="number">${percent(row.share)}</td><td><meter value="${row.share}"></meter></td><td class="number">${row.lift}</td><td class="number">${percent(row.attention)}</td></tr>`;
}

function accountingTable(manifests: readonly Manifest[]): string {
  const rows = manifests.flatMap(({ stage, accounting }) =>
    accounting.map(({ unit, read, kept, dropped }) => {
      const reasons = Object.entries(dropped).filter(([, rows]) => rows > 0);
      const lost = reasons.map(([reason, rows]) => `${reason} ${count(rows)}`).join(', ');
      return `<tr><td>${escaped(stage)}</td><td>${escaped(unit)}</td><td class="number">${count(read)}</td><td class="number">${count(kept)}</td><td>${escaped(lost)}</td></tr>`;
    }),
  );
  return `<table><tr><th>stage</th><th>unit</th><th class="number">read</th><th class="number">kept</th><th>dropped</th></tr>\n${rows.join('\n')}\n</table>`;
}

/** Text that can be nothing but text, in an element or an attribute; what cannot be seen is taken out. */
export function escaped(text: string): string {
  const visible: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return plainText(text).replace(/[&<>"']/g, (c) => visible[c]);
}

/** An anchor of letters, digits and dashes. */
function idOf(id: string): string {
  return id.replace(/[^A-Za-z0-9-]/g, '_');
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))}%`;
}
