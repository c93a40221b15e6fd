import { InputError } from '../../src/core/errors.js';

/** What a planted group of people likes: invented community names are made from its words, and so is what they write. */
export interface Hobby {
  readonly name: string;
  readonly title: string;
  readonly words: readonly string[]; // CamelCase, at most 12 letters each
}

export type SubredditKind = 'niche' | 'general' | 'over18';

export interface Subreddit {
  readonly name: string;
  readonly id: string; // the part after `t5_`
  readonly kind: SubredditKind;
  readonly topic: number; // index of its hobby; the number of hobbies for everything else
  readonly subscribers: number;
}

/** All communities of one dump: niche ones hobby by hobby, then general ones, then over-18 ones. */
export interface Communities {
  readonly hobbies: readonly Hobby[]; // [G]
  readonly subreddits: readonly Subreddit[];
  readonly perHobby: number; // subreddits of hobby g: g × perHobby to (g + 1) × perHobby, end excluded
  readonly generalBegin: number;
  readonly over18Begin: number;
}

const MAX_GROUPS = 100; // pseudo-words for more would repeat
const WORDS_PER_HOBBY = 24;

const HOBBIES: readonly Hobby[] = [
  hobby(
    'woodworking',
    'Woodworking and hand tools',
    'Dovetail Chisel HandPlane Workbench Walnut Veneer Mortise Lathe Bandsaw Sharpening Joinery Spokeshave ShopVac Oak Cherrywood Shellac Router Clamp Marquetry Whittling Mallet TableSaw Sanding WoodGlue',
  ),
  hobby(
    'baking',
    'Bread and pastry baking',
    'Sourdough Starter RyeLoaf Baguette Croissant Pastry Brioche Focaccia Proofing Oven Scoring Flour Ganache Meringue Shortcrust Muffin Biscuit Yeast Levain Bundt Cupcake Frosting Crumb Bagel',
  ),
  hobby(
    'retrocomputing',
    'Retro computing',
    'Floppy Joystick Assembler CrtMonitor Modem Mainframe Terminal Cartridge Keyboard Eprom DotMatrix Basic Cassette Minicomputer Teletype Sprite ChipTune BusCard SoundCard Diskette Toolchain Punchcard Oscilloscope Recapping',
  ),
  hobby(
    'trailrunning',
    'Trail running',
    'Ultra Singletrack Vert Hydration Gaiters TrailShoe Ridge Switchback Headlamp Marathon Cadence Tempo Recovery Blister Summit AidStation Pacing Fartlek Descent Singlet Electrolyte Mileage Hillrepeat Trailhead',
  ),
  hobby(
    'filmphotography',
    'Film photography',
    'Darkroom Rangefinder MediumFormat Negative Developer Fixer Contact Lightmeter Emulsion Grain PushFilm Pinhole Slide Enlarger Bellows Shutter Aperture FilmScan LargeFormat FilmStock Viewfinder Bokeh Fibreprint TwinLens',
  ),
  hobby(
    'tabletop',
    'Tabletop games',
    'Meeple Dungeon DicePool Miniature DeckBuilder Worker Hexmap Campaign Homebrew Solo Wargame Euro Legacy Rulebook GameNight Terrain Initiative OneShot Cooperative CardSleeve Prototype Dexterity Bluffing Adventure',
  ),
  hobby(
    'houseplants',
    'Houseplants',
    'Monstera Succulent Propagation Repotting Fern Orchid Cactus GrowLight Variegated Pothos Philodendron Terrarium Humidity Perlite Fungusgnat Rootrot Begonia Hoya Bonsai AirPlant Calathea Watering Leafshine Windowsill',
  ),
  hobby(
    'personalfinance',
    'Personal finance',
    'Budget IndexFund Mortgage Savings Pension Dividend Envelope Refinance SinkingFund TaxReturn CreditScore Frugal NetWorth Payoff Brokerage Bond Insurance SideIncome Spreadsheet Rebalance Allowance Emergency Ledger Coupon',
  ),
  hobby(
    'space',
    'Space and astronomy',
    'Telescope Nebula Rocket Orbiter Lander Eclipse Galaxy Eyepiece Starparty Cubesat Aurora Comet Payload Stargazing Exoplanet Spectrum Dobsonian Launchpad Meteor Lunar Planetary Tracking DeepSky Satellite',
  ),
  hobby(
    'cycling',
    'Cycling and bike repair',
    'Gravel Derailleur Crankset FixedGear Tubeless Touring Commuter Chainring Saddle Drivetrain Panniers Wheelset Bikefit Brevet Handlebar Hillclimb Velodrome Innertube Chainlube Rimbrake Cargobike Bikelane Peloton Puncture',
  ),
];

/** Every community name has an affix, so that it reads naturally and is no plain dictionary word. */
const NAME_PATTERNS: readonly ((word: string) => string)[] = [
  (word) => `${word}Talk`,
  (word) => `Daily${word}`,
  (word) => `${word.toLowerCase()}corner`,
  (word) => `Ask${word}`,
  (word) => `${word}Fans`,
  (word) => `Tiny${word}`,
  (word) => `${word}_Help`,
  (word) => `Just${word}`,
  (word) => `${word}Club`,
  (word) => `my_${word.toLowerCase()}`,
  (word) => `${word}Notes`,
  (word) => `${word}ForAll`,
];

/** Where everybody is. Ordered by popularity. */
const GENERAL_NAMES =
  'AskAnythingReally DailyChatter PicsOfEverything TodayILearnt2 FunnyEnough WorldHeadlines MoviesAndPopcorn MusicRoom GamesGeneral ShowerMusings ' +
  'CuteCreatures NiceViews FoodOnPlates LifeAdviceDesk ScienceDigest BooksOnTheShelf SportsTable TechGossip ExplainItSlowly OddlyPleasant ' +
  'GifBasket HistoryBits DadJokeVault CityPhotos WeatherWatch TravelDiaries SmallVictories MildIrritations NewsOfTheOdd DocumentaryClub ' +
  'StreetSnacks RandomKindness QuestionOfTheDay LanguageNerds MapsAndFlags TvCouch QuizCorner OldPhotosBox WholesomeMoments CoffeeBreakRoom';

/** Where an age gate stands. The names are all there is to them. */
const OVER18_NAMES = 'AfterDarkTales GrownUpsOnlyArt MidnightLounge18 SpicyLimericks NoKidsHumor RatedRDoodles';

/** What general communities talk about. */
export const GENERAL_WORDS =
  'Coffee Weekend Neighbour Movie Playlist Dinner Holiday Weather Headline Photo Commute Umbrella Birthday Sandwich Documentary Sofa Rain Joke Museum Bookshop Market Dog Cat Sunset'.split(
    ' ',
  );

/** Communities for `groups` hobbies with `perHobby` niche subreddits each. The first ten hobbies are written by hand. */
export function makeCommunities(groups: number, perHobby: number): Communities {
  const most = WORDS_PER_HOBBY * NAME_PATTERNS.length;
  if (groups < 1 || groups > MAX_GROUPS || perHobby < 1 || perHobby > most) {
    const fields = { groups, perHobby };
    throw new InputError(
      'ERR_DUMP_SHAPE',
      `Cannot invent ${groups} groups of ${perHobby} subreddits: expected 1 to ${MAX_GROUPS} groups of 1 to ${most}. Change --groups or --subreddits-per-group.`,
      fields,
    );
  }
  const hobbies = Array.from({ length: groups }, (_, g) => HOBBIES[g] ?? inventedHobby(g));
  const named: { name: string; kind: SubredditKind; topic: number }[] = [];
  hobbies.forEach(({ words }, topic) => {
    for (let i = 0; i < perHobby; i++) {
      const round = Math.floor(i / WORDS_PER_HOBBY);
      const pattern = NAME_PATTERNS[(i * 5 + topic * 3 + round) % NAME_PATTERNS.length];
      named.push({ name: pattern(words[i % WORDS_PER_HOBBY]), kind: 'niche', topic });
    }
  });
  const generalBegin = named.length;
  for (const name of GENERAL_NAMES.split(' ')) named.push({ name, kind: 'general', topic: groups });
  const over18Begin = named.length;
  for (const name of OVER18_NAMES.split(' ')) named.push({ name, kind: 'over18', topic: groups });
  const subreddits = named.map((one, i) => ({
    ...one,
    id: (4_300_000 + i * 617).toString(36),
    subscribers: 1_200 + ((i * 7_919) % 88_000) * (one.kind === 'general' ? 20 : 1),
  }));
  return { hobbies, subreddits, perHobby, generalBegin, over18Begin };
}

/**
 * Account name number `index`: pseudo-words and the number, at most 20 characters up to a million accounts.
 * Distinct indices give distinct names, and no name is one that a person would choose.
 */
export function userName(index: number): string {
  const words = [pseudoWord(Math.imul(index, 2_654_435_761) >>> 0), shortWord(index * 31)];
  const number = String(index).padStart(4, '0');
  if (index % 7 === 3) return `${capitalised(words[0])}-${capitalised(words[1])}-${number}`;
  return `${words[0]}_${words[1]}_${number}`;
}

const ONSETS = ['bl', 'br', 'dr', 'fl', 'gl', 'gr', 'kl', 'pl', 'sk', 'tr', 'v', 'z'];
const VOWELS = ['a', 'e', 'i', 'o', 'u'];
const MIDDLES = ['lm', 'nd', 'rv', 'x', 'mb', 'rt'];
const ENDS = ['a', 'el', 'ith', 'o', 'un', 'is'];
const CODAS = ['m', 'x', 'n'];

function pseudoWord(n: number): string {
  const rest = Math.floor(n / 60);
  return `${ONSETS[n % 12]}${VOWELS[Math.floor(n / 12) % 5]}${MIDDLES[rest % 6]}${ENDS[Math.floor(rest / 6) % 6]}`;
}

function shortWord(n: number): string {
  return `${ONSETS[n % 12]}${VOWELS[Math.floor(n / 12) % 5]}${CODAS[Math.floor(n / 60) % 3]}`;
}

function capitalised(word: string): string {
  return word[0].toUpperCase() + word.slice(1);
}

/** Beyond the hand-written ones: a hobby about things that do not exist. */
function inventedHobby(g: number): Hobby {
  const words = Array.from({ length: WORDS_PER_HOBBY }, (_, i) => capitalised(pseudoWord(g * WORDS_PER_HOBBY + i)));
  return { name: `invented${g + 1}`, title: `Invented hobby ${g + 1}`, words };
}

function hobby(name: string, title: string, words: string): Hobby {
  return { name, title, words: words.split(' ') };
}
