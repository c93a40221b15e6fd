/**
 * Accounts that are programs, from what is generally known on Reddit. Lists of a run's own add to it.
 *
 * A bot joins hundreds of communities that share no people, so a few of them bend the whole graph. Names that the rules
 * below catch anyway are left out of the list.
 */
export const KNOWN_BOTS: readonly string[] = [
  'autotldr',
  'b0trank',
  'changetip',
  'decronym',
  'haikubot-1911',
  'helperbot_',
  'imagesofnetwork',
  'imgurtranscriber',
  'mentioned_videos',
  'metric_units',
  'mtgcardfetcher',
  'nice-scores',
  'nfl_gamethread',
  'nfl_mod',
  'qualityvote',
  'redditcommentsearch',
  'savevideo',
  'sodogetip',
  'stabbot',
  'stabbot_crop',
  'subredditlinkfixer',
  'tippr',
  'totesmessenger',
  'tweetposter',
  'user_simulator',
  'vredditdownloader',
  'vredditshare',
  'whynotcollegeboard',
  'xkcd_transcriber',
];

/**
 * How bots and moderation accounts are named. Of a list of 1,871 bots, in lower case, these rules find 1,637; of 6,222 other
 * authors of real months they take 11, some of them bots that the list lacks. A few people call themselves a bot for fun:
 * they are lost, and counted.
 */
const BOT_NAMES: readonly RegExp[] = [
  /^automod/i, // AutoModerator and its relatives
  /-modteam$/i, // the account in which a community's moderators speak
  /[_-]bots?[_-]?\d*$/i, // fact_bot, fact-bot, fact_bot2
  /[a-z0-9](?:Bot|BOT)\d*$/, // FactBot, MetroBot
  /[a-z0-9](?<!ro|tal|ab|cha|^ca|tur)bots?\d*$/i, // factbot, but no robot, and neither Talbot, Abbot, Chabot nor Cabot
];

/** Whether the name itself says that no person is behind it. `name` as spelled: capitals matter. */
export function isNamedLikeBot(name: string): boolean {
  return BOT_NAMES.some((rule) => rule.test(name));
}
