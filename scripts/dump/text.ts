import type { Random } from '../../src/core/random.js';
import { type Communities, GENERAL_WORDS } from './communities.js';

/** Sentences with two topical words each. {a} and {b} are filled in. */
const TEMPLATES = [
  'Has anyone had trouble with {a} after switching to {b}?',
  'I finally gave {a} a try and it made all the difference.',
  'My first {a} went wrong, but the {b} was worth it.',
  'Do you keep the {a} away from the {b}, or does it not matter?',
  'Short update on my {a} project: the {b} is done.',
  'Start with {a}, then worry about {b} later.',
  'There is a good write-up on {a} in the wiki, under {b}.',
  'I would spend the money on {a} before {b} any day.',
  'Honestly, {a} is overrated; try {b} instead.',
  'This is the best {a} I have seen all month.',
  'What is your routine for {a} on a busy week?',
  'Looks great! Which {a} did you use for the {b}?',
  'Took me three attempts to get {a} right without {b}.',
  'Mine failed in the same way: too much {a}, not enough {b}.',
  'Beginners ask about {a} every week, and the answer is {b}.',
  'I keep notes on every {a}, and it helps with {b}.',
  'Where do people buy {a} for {b} these days?',
  'Small win today: {a} and {b} in one afternoon.',
];

/** Text that breaks careless readers: escapes, other scripts, and keys inside strings. */
const UGLY_TEXTS = [
  'He wrote "author":"nobody_here_0000" and "subreddit":"NotThisOne" in the text.',
  'Paths like C:\\temp\\new and a tab\there.',
  'Line one\nline two\r\n\nline four',
  '> quoted\n\n* a list\n* of two',
  'ends with a backslash \\',
  'ends with a quote "',
  'Это просто выдуманный текст про погоду.',
  'これは作られた文章です。',
  'هذا نص مخترع تمامًا.',
  'זה טקסט מומצא לגמרי.',
  'Τίποτα από αυτά δεν είναι αληθινό.',
  'यह वाक्य बनावटी है।',
  'smile 🙂🧭🪴 and a family 👩‍👩‍👧',
  'zero\u0000byte, bell\u0007 and \u2028 separators',
  'half a pair \ud83d here',
  '{"author":"not_a_record_0000","score":99999}',
  'slashes </script> and a link [here](https://example.org/?a=1&amp;b="2")',
];

const SENTENCES_PER_TOPIC = 48;
const UGLY_SHARE = 0.015;

/** Invented text for every topic, already escaped for the inside of a JSON string. */
export interface TextSource {
  /** One to three sentences. `ascii`: everything beyond ASCII as `\uXXXX`, as old dumps have it. */
  body(topic: number, ascii: boolean, random: Random): string;
  /** One sentence. */
  title(topic: number, random: Random): string;
}

/** Topics are the hobbies in order, then one for all general talk. `wordy`: bodies as long and as varied as real ones. */
export function makeText(communities: Communities, random: Random, wordy = false): TextSource {
  const topics = [...communities.hobbies.map((hobby) => hobby.words), GENERAL_WORDS].map((words) =>
    Array.from({ length: SENTENCES_PER_TOPIC }, () => {
      const template = TEMPLATES[random.below(TEMPLATES.length)];
      const word = () => spelled(words[random.below(words.length)]);
      return escaped(template.replace('{a}', word()).replace('{b}', word()));
    }),
  );
  const vocabulary = wordy ? makeVocabulary(random.fork('vocabulary')) : [];
  const ugly = UGLY_TEXTS.map(escaped);
  const uglyAscii = ugly.map(asciiOnly);
  return {
    body(topic, ascii, draw) {
      const pool = topics[topic];
      let text = pool[draw.below(pool.length)];
      const more = draw.float();
      if (more < 0.4) text += ` ${pool[draw.below(pool.length)]}`;
      if (more < 0.12) text += ` ${pool[draw.below(pool.length)]}`;
      if (wordy) text += ramble(vocabulary, draw);
      if (more >= 1 - UGLY_SHARE) text += ` ${(ascii ? uglyAscii : ugly)[draw.below(ugly.length)]}`;
      return text;
    },
    title: (topic, draw) => topics[topic][draw.below(SENTENCES_PER_TOPIC)],
  };
}

const VOCABULARY_SIZE = 30_000;
const MEAN_RAMBLE_WORDS = 20;

/** Invented words, short ones first, as language has it. */
function makeVocabulary(random: Random): string[] {
  const syllables = Array.from('bcdfghjklmnprstvw').flatMap((head) => Array.from('aeiou', (tail) => head + tail));
  return Array.from({ length: VOCABULARY_SIZE }, (_, rank) => {
    const length = 1 + Math.floor(Math.log10(rank + 1) * 0.7 + random.float());
    return Array.from({ length }, () => syllables[random.below(syllables.length)]).join('');
  });
}

/** Words, short ones more often, their number by a geometric one: nothing of it means anything. */
function ramble(vocabulary: readonly string[], random: Random): string {
  const numWords = Math.floor(-Math.log(1 - random.float()) * MEAN_RAMBLE_WORDS);
  let text = '';
  for (let i = 0; i < numWords; i++)
    text += ` ${vocabulary[Math.floor(Math.exp(Math.sqrt(random.float()) * Math.log(vocabulary.length))) - 1]}`;
  return text;
}

/** `HandPlane` → `hand plane`. */
function spelled(word: string): string {
  return word.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function asciiOnly(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
