/**
 * Accounts that are programs, from what is generally known on Reddit. Lists of a run's own add to it.
 *
 * A bot joins hundreds of communities that share no people, so a few of them bend the whole graph. Names that the rules
 * below catch anyway are left out of the list.
 */
export const KNOWN_BOTS: readonly string[] = [
  'autotldr',
  'autowikibot',
  'b0trank',
  'baseballbot',
  'bitcoinallbot',
  'changetip',
  'coinflipbot',
  'decronym',
  'deltabot',
  'dogetipbot',
  'gifvbot',
  'gifreversingbot',
  'haikubot-1911',
  'haikusbot',
  'helperbot_',
  'imagesofnetwork',
  'imgurtranscriber',
  'itrollbot',
  'linkfixerbot1',
  'mentioned_videos',
  'metric_units',
  'mtgcardfetcher',
  'nice-scores',
  'nfl_gamethread',
  'nfl_mod',
  'qualityvote',
  'redditcommentsearch',
  'remindmebot',
  'removalbot',
  'repostsleuthbot',
  'savevideo',
  'sneakpeekbot',
  'sodogetip',
  'stabbot',
  'stabbot_crop',
  'subredditlinkfixer',
  'tippr',
  'totesmessenger',
  'tweetposter',
  'tweetsincommentsbot',
  'user_simulator',
  'vredditdownloader',
  'vredditshare',
  'whynotcollegeboard',
  'wikitextbot',
  'wikisummarizerbot',
  'xkcd_transcriber',
];

/** How bots and moderation accounts are named. A few people call themselves a bot for fun: they are lost, and counted. */
const BOT_NAMES: readonly RegExp[] = [
  /^automod/i, // AutoModerator and its relatives
  /-modteam$/i, // the account in which a community's moderators speak
  /[_-]bots?[_-]?\d*$/i, // fact_bot, fact-bot, fact_bot2
  /[a-z0-9](?:Bot|BOT)\d*$/, // FactBot, but not talbot or ROBOT
];

/** Whether the name itself says that no person is behind it. `name` as spelled: capitals matter. */
export function isNamedLikeBot(name: string): boolean {
  return BOT_NAMES.some((rule) => rule.test(name));
}
