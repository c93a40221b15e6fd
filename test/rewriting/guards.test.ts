import { describe, expect, it } from 'vitest';
import { addedPhrases, guardProblems, keepsSubject, sensitiveTerms } from '../../src/rewriting/guards.js';
import { subjectOf } from '../../src/rewriting/words.js';

describe('the subject of a prompt', () => {
  it.each([
    ['a red fox in the snow', 'red fox', 'fox'],
    ['Two puppies playing with a ball', 'Two puppies', 'puppy'],
    ['a photo of an old lighthouse at night', 'an old lighthouse', 'lighthouse'],
    ['oil painting of the city walls, dusk', 'the city walls', 'wall'],
    ['steampunk', 'steampunk', 'steampunk'],
    ['🦊🦊', '', ''],
  ])('of "%s" is "%s"', (prompt, phrase, head) => {
    const subject = subjectOf(prompt);
    expect(subject.phrase.replace(/^an? /, '')).toBe(phrase.replace(/^an? /, ''));
    expect(subject.head).toBe(head);
  });

  it('is kept in other numbers and places, and lost when another takes its place', () => {
    expect(keepsSubject('a red fox in the snow', 'Snowy dawn, red foxes among birches')).toBe(true);
    expect(keepsSubject('a red fox in the snow', 'A grey wolf in the snow')).toBe(false);
    expect(keepsSubject('a small wooden sailing boat', 'a boat')).toBe(false); // three of four words are gone
  });
});

describe('the guards', () => {
  const prompt = 'a doctor reading a chart';
  const fine = 'a doctor reading a chart, soft window light, muted blue palette, shallow focus, calm mood';

  it('let a description of a picture pass', () => {
    expect(guardProblems(prompt, fine)).toEqual([]);
  });

  it.each([
    ['a nurse reading a book, soft light', 'subject-lost'],
    [`a doctor reading a chart, ${'very detailed '.repeat(40)}`, 'too-long'],
    ['As a gardener, I want a doctor reading a chart among plants', 'persona-talk'],
    ['a doctor reading a chart, which would appeal to this persona', 'persona-talk'],
    ['an elderly doctor reading a chart', 'sensitive-attribute'],
    ['a woman doctor reading a chart', 'sensitive-attribute'],
    ['a Muslim doctor reading a chart', 'sensitive-attribute'],
    ['an Asian woman, a doctor reading a chart', 'sensitive-attribute'],
    ['a doctor reading a chart, in the style of r/medicine', 'personal-data'],
    ["I'm sorry, I can't draw a doctor reading a chart", 'refusal'],
  ])('refuse "%s" (%s)', (rewritten, reason) => {
    expect(guardProblems(prompt, rewritten)).toContain(reason);
  });

  it('leave alone what the prompt itself says', () => {
    expect(sensitiveTerms('a portrait of an elderly woman', 'portrait of an elderly woman, low light')).toEqual([]);
    expect(guardProblems('a monk in a buddhist temple', 'a monk in a buddhist temple, incense haze')).toEqual([]);
    expect(sensitiveTerms('a street', 'a street with white walls and black cats')).toEqual([]);
  });

  it('refuse demographic values of the persona, its title and its own words', () => {
    const persona = {
      title: 'Houseplant keepers',
      roleplay: 'I spend every free weekend repotting my large collection of tropical plants.',
      demographics: { country: 'Canada', profession: null },
    };
    expect(guardProblems('a street', 'a street in Canada at dusk', persona)).toEqual(['sensitive-attribute']);
    expect(guardProblems('a street in Canada', 'a street in Canada at dusk', persona)).toEqual([]);
    expect(guardProblems('a street', 'a street for houseplant keepers', persona)).toEqual(['persona-copied']);
    expect(guardProblems('a street', 'a street, every free weekend repotting my large collection', persona)).toContain(
      'persona-copied',
    );
  });

  it('say what was added', () => {
    expect(addedPhrases(prompt, fine)).toEqual([
      'soft window light',
      'muted blue palette',
      'shallow focus',
      'calm mood',
    ]);
  });
});
