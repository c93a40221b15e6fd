import { byName } from './by-name.js';
import { PLACES, type Place } from './place-lexicon.js';
import { TOPICS, type Topic } from './topic-lexicon.js';

/** The topic whose pattern fits the most letters of the name; undefined where none does. */
export const topicOf = byName(findTopic);

function findTopic(subreddit: string): Topic | undefined {
  const words = wordsOf(subreddit);
  const joined = words.join('');
  let best: Topic | undefined;
  let bestLength = 0;
  for (const topic of TOPICS)
    for (const pattern of topic.names.split(' '))
      if (pattern.length > bestLength && fits(pattern, words, joined)) {
        best = topic;
        bestLength = pattern.length;
      }
  return best;
}

/** The place that the name, or one long word of it, stands for. */
export const placeOf = byName(findPlace);

function findPlace(subreddit: string): Place | undefined {
  const words = wordsOf(subreddit);
  const candidates = [words.join(''), ...words.filter((word) => word.length >= 5)];
  for (const [names, label, country, locale, language] of PLACES)
    if (names.split(' ').some((name) => candidates.includes(name)))
      return language === undefined ? { label, country, locale } : { label, country, locale, language };
  return undefined;
}

/** `MechanicalKeyboards`, `home_improvement` and `Warhammer40k` as lower-case words. */
export function wordsOf(subreddit: string): string[] {
  return subreddit
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .replace(/(\p{L})(\p{N})/gu, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}

function fits(pattern: string, words: readonly string[], joined: string): boolean {
  const wholeWord = pattern.startsWith('=');
  if (!wholeWord && pattern.length >= 5) return joined.includes(pattern);
  const word = wholeWord ? pattern.slice(1) : pattern;
  return joined === word || words.some((one) => one === word || one === `${word}s`);
}
