import { describe, expect, it } from 'vitest';
import { placeOf, topicOf, wordsOf } from '../../src/personas/topics.js';

describe('topicOf', () => {
  it.each([
    ['photography', 'photography'],
    ['vegetablegardening', 'gardening'],
    ['BeginnerWoodWorking', 'DIY'],
    ['AnimeSketch', 'art'],
    ['pcmasterrace', 'computers'],
    ['xxfitness', 'fitness'],
    ['recipes', 'cooking'],
    ['realestateinvesting', 'personal finance'],
    ['cars', 'cars'],
    ['IdiotsInCars', 'viral clips'],
    ['Music', 'music'],
    ['Warhammer40k', 'tabletop games'],
    ['kpop', 'K-pop'],
    ['malefashionadvice', 'fashion'],
    ['home_improvement', 'DIY'],
    ['HomeImprovement', 'DIY'],
  ])('%s → %s', (name, key) => {
    expect(topicOf(name)?.key).toBe(key);
  });

  it.each([
    'Oscars',
    'party',
    'education',
    'npc',
    'scar',
    'Zorvex',
    '',
    'depression',
    'lgbt',
    'Christianity',
    'democrats',
  ])('reads nothing into %j', (name) => {
    expect(topicOf(name)).toBeUndefined();
  });
});

describe('placeOf', () => {
  it('knows countries by their own communities and by a word of a name', () => {
    expect(placeOf('de')).toEqual({ label: 'Germany', country: 'Germany', locale: 'Europe', language: 'German' });
    expect(placeOf('PersonalFinanceCanada')?.country).toBe('Canada');
    expect(placeOf('AskUK')?.country).toBe('United Kingdom');
    expect(placeOf('ask_de')).toBeUndefined();
    expect(placeOf('depression')).toBeUndefined();
  });
});

describe('wordsOf', () => {
  it('splits names as people read them', () => {
    expect(wordsOf('MechanicalKeyboards')).toEqual(['mechanical', 'keyboards']);
    expect(wordsOf('ABoringDystopia')).toEqual(['a', 'boring', 'dystopia']);
    expect(wordsOf('PS5_help')).toEqual(['ps', '5', 'help']);
    expect(wordsOf('')).toEqual([]);
  });
});
