import type { Evidence } from './persona.js';
import type { Outline } from './template-outline.js';
import { type Facet, listed, named, percentOf, phrasing, sentence, timesAsUsual } from './template-parts.js';

type Say = ReturnType<typeof phrasing>;

const BROAD = [
  'It is a broad group: these are large, general communities, and no single pastime stands out.',
  'Little else can be said of them as a whole: the communities are large and general, and no one pastime stands out.',
];

/** The group in the third person, four to eight sentences whose wording and order vary with the persona's id. */
export function summaryOf(outline: Outline): string {
  const { pack, facets, place } = outline;
  const say = phrasing(pack.id);
  const rest = facets.slice(1);
  const sides = [sideInterests(rest, say), unnamedRows(rest, say)];
  const characters = [contrastWith(outline, say), ...(outline.isBroad ? [] : [mannerOf(outline.traits, say)])];
  return [
    opening(outline, say),
    nextRows(facets[0].rows.slice(1, 3), say),
    ...(outline.isBroad ? [say(BROAD)] : []),
    ...say([sides, sides.toReversed()]),
    ...(place ? [`Many are probably at home in ${place.label}.`] : []),
    ...say([characters, characters.toReversed()]),
  ]
    .filter((one) => one !== '')
    .join(' ');
}

/** The group as one voice, for a language model that is to speak with it. */
export function roleplayOf(outline: Outline): string {
  const { pack, facets, known, selves, place, traits, visual } = outline;
  const say = phrasing(`${pack.id} speaks`);
  const rows = listed(facets[0].rows.slice(0, 3).map(named));
  const more = known.flatMap((facet) => (facet.topic && !selves.includes(facet.topic) ? [facet.topic.activity] : []));
  const others = listed(more.slice(0, 2));
  const unnamed = listed((facets.slice(1).find(isUnnamed)?.rows ?? []).slice(0, 2).map(named));
  const sentences = [selfIntroduction(outline, rows, say)];
  if (place) sentences.push(`I am probably at home in ${place.label}.`);
  if (selves.length > 0)
    sentences.push(
      say([
        `The communities I come back to are ${rows}.`,
        `You will find me in ${rows}.`,
        `My regular stops online are ${rows}.`,
        `When I have a moment, I look in on ${rows}.`,
      ]),
    );
  if (outline.isBroad) sentences.push('No single hobby of mine stands out.');
  if (more.length > 0)
    sentences.push(
      say([
        `I am interested in ${others} as well.`,
        `I also care about ${others}.`,
        `There is room in my life for ${others} too.`,
        `Ask me about ${others}: I will have something to say.`,
      ]),
    );
  if (unnamed !== '')
    sentences.push(
      say([`I keep an eye on ${unnamed} too.`, `I look in on ${unnamed} as well.`, `I also follow ${unnamed}.`]),
    );
  if (traits.length > 0 && !outline.isBroad) {
    const manner = listed(traits.slice(0, 3));
    sentences.push(
      say([`I tend to be ${manner}.`, `I would call myself ${manner}.`, `I am, on the whole, ${manner}.`]),
    );
  }
  const [first, second] = visual;
  if (first !== undefined && second !== undefined)
    sentences.push(
      say([
        `When I picture something, I think of ${first} first, and of ${second} next.`,
        `In images my eye goes to ${first}, then to ${second}.`,
        `The pictures I enjoy most show ${first}, or else ${second}.`,
      ]),
    );
  else if (first !== undefined) sentences.push(`When I picture something, I think of ${first} first.`);
  sentences.push(
    'When I rewrite an image prompt, I keep its subject and intent and choose the setting, light, colours and details that I would want to see.',
  );
  return sentences.join(' ');
}

function selfIntroduction({ selves, pack }: Outline, rows: string, say: Say): string {
  const [first, second] = selves.map((topic) => topic.person);
  if (first === undefined) return pack.size.users === 1 ? `I am often in ${rows}.` : `I am a regular of ${rows}.`;
  if (second === undefined) return `I am ${first}.`;
  if (`${first} ${second}`.includes('someone')) return `I am ${first}, and also ${second}.`;
  return say([
    `I am ${first} and ${second}.`,
    `I am ${first} first and ${second} second.`,
    `I am ${first}, and also ${second}.`,
  ]);
}

function opening({ pack, facets, isBroad }: Outline, say: Say): string {
  const [main] = facets;
  const [first] = main.rows;
  const users = pack.size.users.toLocaleString('en-US');
  const people = pack.size.users === 1 ? '1 person' : `${users} people`;
  const figure = say([
    `${percentOf(first.share)} take part in ${named(first)}, ${timesAsUsual(first)}`,
    `${percentOf(first.share)} are in ${named(first)}, ${timesAsUsual(first)}`,
    `${named(first)} alone draws ${percentOf(first.share)} of them, ${timesAsUsual(first)}`,
  ]);
  if (main.topic) {
    const { activity } = main.topic;
    const isCommon = first.share >= COMMON && !isBroad;
    return say(
      isCommon
        ? [
            `A group of ${people} with ${activity} at its centre: ${figure}.`,
            `What brings these ${people} together is ${activity}: ${figure}.`,
            `${sentence(activity)}: that is what these ${people} share above all. ${sentence(figure)}.`,
            `${sentence(people)} who put ${activity} first: ${figure}.`,
            `The common thread of these ${people} is ${activity}. ${sentence(figure)}.`,
          ]
        : [
            `A group of ${people} who lean towards ${activity}: ${figure}.`,
            `What stands out among these ${people} is ${activity}: ${figure}.`,
            `If one thing marks these ${people}, it is ${activity}: ${figure}.`,
          ],
    );
  }
  if (main.place) return `A group of ${people} around ${main.place.label}: ${figure}.`;
  return say([
    `A group of ${people} best known by where they meet: ${figure}.`,
    `No one subject sums up these ${people}, but the places where they meet do: ${figure}.`,
  ]);
}

/** Part of a group from which on a community is something that its people share. */
const COMMON = 0.2;

/** The rows after the first, with their shares. */
function nextRows(rows: readonly Evidence[], say: Say): string {
  if (rows.length === 0) return '';
  const shares = listed(rows.map((row) => `${named(row)} (${percentOf(row.share)})`));
  const one = rows.length === 1;
  return say([
    `Just as typical ${one ? 'is' : 'are'} ${shares}.`,
    `${shares} ${one ? 'goes' : 'go'} with it.`,
    `The same people are more often than others in ${shares}.`,
    `${shares} ${one ? 'belongs' : 'belong'} to the same picture.`,
  ]);
}

function sideInterests(facets: readonly Facet[], say: Say): string {
  const known = facets.filter((facet) => facet.topic).slice(0, 2);
  if (known.length === 0) return '';
  const seen = known.map((facet) => `${facet.topic?.activity} (${listed(facet.rows.slice(0, 2).map(named))})`);
  return say([
    `Beyond that they are drawn to ${listed(seen)}.`,
    `${known.length > 1 ? 'Other interests are' : 'Another interest is'} ${listed(seen)}.`,
    `There is room for ${listed(seen)} as well.`,
    `On the side there ${known.length > 1 ? 'are' : 'is'} ${listed(seen)}.`,
  ]);
}

function unnamedRows(facets: readonly Facet[], say: Say): string {
  const rows = facets.find(isUnnamed)?.rows.slice(0, 3) ?? [];
  if (rows.length === 0) return '';
  const names = listed(rows.map(named));
  return say([
    `They also turn up in ${names} more than others do.`,
    `Found here more often than elsewhere, too: ${names}.`,
    `${names} ${rows.length > 1 ? 'are' : 'is'} unusually common among them as well.`,
  ]);
}

/** What tells them from a similar group, unless the text has named it already and only its meaning is new. */
function contrastWith({ contrast, facets }: Outline, say: Say): string {
  if (!contrast) return '';
  const [first] = facets[0].rows;
  if (contrast.rows.length === 1 && contrast.rows[0] === first)
    return `It is also ${named(first)} that sets them apart from people like them.`;
  const names = listed(contrast.rows.map(named));
  return say([
    `${names} ${contrast.rows.length > 1 ? 'set' : 'sets'} them apart from a group much like theirs.`,
    `What a group much like theirs visits less: ${names}.`,
    `Compared with a group much like theirs, they are more often in ${names}.`,
  ]);
}

function mannerOf(traits: readonly string[], say: Say): string {
  if (traits.length === 0) return '';
  const manner = listed(traits.slice(0, 3));
  return say([
    `People in these communities tend to be ${manner}.`,
    `Such communities tend to attract people who are ${manner}.`,
    `By the company they keep, they are likely to be ${manner}.`,
  ]);
}

function isUnnamed({ topic, place }: Facet): boolean {
  return !topic && !place;
}
