import { describe, expect, it } from 'vitest';
import { createExclusions, parseNameList, pseudonymOf } from '../../src/reddit/exclusions.js';
import { isNamedLikeBot, KNOWN_BOTS } from '../../src/reddit/known-bots.js';

describe('createExclusions', () => {
  it('knows bots by the list of the house, by a list of the run and by name, without regard to case', () => {
    const exclusions = createExclusions({ botNames: ['NewsRobot'] });
    for (const name of ['AutoModerator', 'autotldr', 'TOTESMESSENGER', 'newsrobot', 'fact-bot', 'Pics-ModTeam'])
      expect(exclusions.dropUser(name)).toBe('bot');
    for (const name of ['Some_One', 'talbot', 'robotics', 'automatic']) expect(exclusions.dropUser(name)).toBe(null);
  });

  it('suppresses by name and by pseudonym, before it asks whether somebody is a bot', () => {
    const exclusions = createExclusions({ suppressedUsers: ['Some_One', 'AutoModerator', '00000001ABCDEF12'] });
    expect(exclusions.dropUser('some_one')).toBe('suppressed');
    expect(exclusions.dropUser('automoderator')).toBe('suppressed');
    expect(exclusions.dropUser('00000001abcdef12')).toBe('suppressed');
    expect(exclusions.dropPseudonym(1, 0xabcdef12)).toBe('suppressed');
    expect(exclusions.dropPseudonym(1, 0xabcdef13)).toBe(null);
    expect(exclusions.dropPseudonym(0xabcdef12, 1)).toBe(null);
  });

  it('leaves out listed communities, and with a list of wanted ones all others', () => {
    const exclusions = createExclusions({ excludedSubreddits: ['Pics'], subredditAllowlist: ['pics', 'AskReddit'] });
    expect(exclusions.dropSubreddit('pics')).toBe('excluded-subreddit');
    expect(exclusions.dropSubreddit('askreddit')).toBe(null);
    expect(exclusions.dropSubreddit('news')).toBe('excluded-subreddit');
  });

  it('drops over-18 communities unless they are included', () => {
    const over18Subreddits = ['Adult'];
    expect(createExclusions({ over18Subreddits }).dropSubreddit('adult')).toBe('over-18-subreddit');
    expect(createExclusions({ over18Subreddits, includeOver18: true }).dropSubreddit('adult')).toBe(null);
    expect(createExclusions().includeOver18).toBe(false);
  });

  it('drops no person and no community without lists', () => {
    const exclusions = createExclusions();
    expect(exclusions.dropSubreddit('anything')).toBe(null);
    expect(exclusions.dropPseudonym(0, 0)).toBe(null);
  });
});

describe('pseudonymOf', () => {
  it('writes 16 digits, high word first', () => {
    expect(pseudonymOf(0xdeadbeef, 0x1f)).toBe('deadbeef0000001f');
    expect(pseudonymOf(0, 0)).toBe('0000000000000000');
  });
});

describe('parseNameList', () => {
  it('reads one name a line, without comments, blank lines, prefixes and byte order mark', () => {
    const text = '\uFEFF# people who asked\r\nSome_One\r\n\n  u/Other \n/r/Pics\nr/news\n#x\nlast';
    expect(parseNameList(text)).toEqual(['Some_One', 'Other', 'Pics', 'news', 'last']);
  });

  it('reads the first column of a table and skips its title row, but no name that looks like a title', () => {
    expect(parseNameList('name_lower\tsource\nbot1\t1\nbot2\t0\n')).toEqual(['bot1', 'bot2']);
    expect(parseNameList('subreddit\tover18\nname\t1')).toEqual(['name']);
    expect(parseNameList('bot1\t1\nuser\t0')).toEqual(['bot1', 'user']);
    expect(parseNameList('user\nname')).toEqual(['user', 'name']);
    expect(parseNameList('namesake\t1')).toEqual(['namesake']);
    expect(parseNameList('')).toEqual([]);
  });
});

describe('known bots', () => {
  it('lists each name once, in lower case', () => {
    expect(KNOWN_BOTS).toEqual([...new Set(KNOWN_BOTS.map((name) => name.toLowerCase()))]);
    expect(KNOWN_BOTS.filter(isNamedLikeBot)).toEqual([]); // the rules have them already
  });

  it.each([
    ['AutoModerator', true],
    ['automod_helper', true],
    ['AskReddit-ModTeam', true],
    ['some_bot', true],
    ['some-bot2', true],
    ['SomeBot', true],
    ['someBOT', true],
    ['Some3Bot', true],
    ['somebot', true],
    ['somebots12', true],
    ['MetroBot', true],
    ['newsrobot', false],
    ['abbot77', false],
    ['cabot', false],
    ['b0tfan', false],
    ['ROBOT', false],
    ['Talbot', false],
    ['robot_fan', false],
    ['botany', false],
    ['modteam', false],
    ['Bot', false],
  ])('takes %s for a bot: %j', (name, expected) => {
    expect(isNamedLikeBot(name)).toBe(expected);
  });
});
