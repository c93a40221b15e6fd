import { byName } from './by-name.js';
import type { VisualInterest } from './persona.js';

/**
 * What a subreddit's name says about its topic: a small lexicon, our own work, for English names. It knows the common
 * ground of large communities; a name that it does not know is simply named by whoever asks. It holds nothing on
 * health, sexuality, religion or politics: those are not read out of a name.
 */
export interface Topic {
  readonly key: string;
  readonly activity: string; // "an interest in …"
  readonly person: string; // "I am …"
  readonly people: string; // "They are …"
  readonly visual: readonly VisualInterest[]; // strongest first
  readonly traits: readonly string[]; // how its people tend to come across
  readonly profession?: string; // only where the community is one of practitioners
  readonly names: string; // space-separated; inside a name from 5 letters on; shorter ones and `=…` as a whole word only
}

/** A country or city that has communities of its own. */
export interface Place {
  readonly label: string; // "in …"
  readonly country: string;
  readonly locale: string; // ZIPP vocabulary
  readonly language?: string; // of the community, where its name is in that language
}

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

const TOPICS: readonly Topic[] = [
  {
    key: 'programming',
    activity: 'programming',
    person: 'a programmer',
    people: 'programmers',
    visual: ['sci-fi and robotics', 'graphic design'],
    traits: ['analytical', 'detail-oriented'],
    profession: 'tech/engineering',
    names:
      'programming programmer coding coder javascript typescript python java rust golang cpp csharp dotnet webdev frontend backend devops linux ubuntu archlinux commandline vim neovim emacs git docker kubernetes sysadmin compsci algorithm opensource reactjs nodejs haskell django laravel csmajors sql',
  },
  {
    key: 'machine learning',
    activity: 'data science and machine learning',
    person: 'someone who works with data and models',
    people: 'data and machine-learning people',
    visual: ['sci-fi and robotics', 'graphic design'],
    traits: ['analytical', 'inventive'],
    profession: 'data/AI/research',
    names:
      'machinelearning datascience deeplearning statistics artificial localllama stablediffusion dataengineering dataisbeautiful chatgpt openai',
  },
  {
    key: 'computers',
    activity: 'building and tuning computers',
    person: 'a PC builder',
    people: 'PC builders',
    visual: ['products and packaging', 'sci-fi and robotics'],
    traits: ['practical', 'detail-oriented'],
    names:
      'buildapc pcmasterrace pcbuild hardware nvidia amd =intel homelab selfhosted techsupport mechanicalkeyboard battlestation laptop gadget thinkpad datahoarder networking headphones audiophile',
  },
  {
    key: 'making',
    activity: 'electronics and 3D printing',
    person: 'a maker',
    people: 'makers',
    visual: ['products and packaging', 'sci-fi and robotics'],
    traits: ['inventive', 'practical'],
    names: 'printing arduino electronics raspberrypi =maker diyelectronics robotics',
  },
  {
    key: 'phones',
    activity: 'phones and consumer technology',
    person: 'a gadget enthusiast',
    people: 'gadget enthusiasts',
    visual: ['products and packaging', 'graphic design'],
    traits: ['trend-aware', 'curious'],
    names: 'android iphone =apple googlepixel samsung ios mac macbook smartphone technology tech technews',
  },
  {
    key: 'video games',
    activity: 'video games',
    person: 'a gamer',
    people: 'gamers',
    visual: ['illustration and concept art', 'sci-fi and robotics'],
    traits: ['competitive', 'humorous'],
    names:
      'gaming gamer games gamedeals xbox playstation nintendo steam ps4 ps5 =switch smashbros gta wow warcraft assassinscreed halo callofduty battlefield modernwarfare codwarzone',
  },
  {
    key: 'competitive games',
    activity: 'competitive online games',
    person: 'a competitive gamer',
    people: 'competitive gamers',
    visual: ['sci-fi and robotics', 'illustration and concept art'],
    traits: ['competitive', 'analytical'],
    names:
      'leagueoflegends dota valorant globaloffensive overwatch apexlegends rainbow6 fortnite rocketleague esports counterstrike starcraft clashroyale deadbydaylight speedrun',
  },
  {
    key: 'role-playing games',
    activity: 'story-driven role-playing games',
    person: 'a role-playing gamer',
    people: 'role-playing gamers',
    visual: ['illustration and concept art', 'cinematic portraits'],
    traits: ['imaginative', 'creative'],
    names:
      'skyrim witcher elderscroll fallout darksouls eldenring zelda breathofthewild finalfantasy ffxiv masseffect baldursgate cyberpunk reddeadredemption genshin =persona undertale jrpg runescape',
  },
  {
    key: 'building games',
    activity: 'building and cosy games',
    person: 'a player of building and cosy games',
    people: 'builders in cosy games',
    visual: ['illustration and concept art', 'architecture and interiors'],
    traits: ['creative', 'calm'],
    names:
      'minecraft stardew animalcrossing terraria sims factorio citiesskylines rimworld nomanssky satisfactory valheim',
  },
  {
    key: 'pokemon',
    activity: 'Pokémon',
    person: 'a Pokémon fan',
    people: 'Pokémon fans',
    visual: ['illustration and concept art', 'nature and animals'],
    traits: ['enthusiastic', 'collaborative'],
    names: 'pokemon thesilphroad pokemongo',
  },
  {
    key: 'retro computing',
    activity: 'old computers',
    person: 'a retro computing hobbyist',
    people: 'retro computing hobbyists',
    visual: ['products and packaging', 'graphic design'],
    traits: ['curious', 'detail-oriented'],
    names:
      'retrocomputing vintagecomputer retrobattlestation floppy joystick mainframe crtmonitor commodore amiga assembler =modem',
  },
  {
    key: 'tabletop games',
    activity: 'tabletop games',
    person: 'a tabletop player',
    people: 'tabletop players',
    visual: ['illustration and concept art', 'sci-fi and robotics'],
    traits: ['imaginative', 'collaborative'],
    names:
      'boardgame dnd dndnext dndmemes dungeon warhammer magictcg tabletop rpg pathfinder dmacademy minipainting meeple miniature dicepool deckbuilder hexmap mtg chess',
  },
  {
    key: 'anime',
    activity: 'anime and manga',
    person: 'an anime fan',
    people: 'anime fans',
    visual: ['illustration and concept art', 'cinematic portraits'],
    traits: ['enthusiastic', 'imaginative'],
    names:
      'anime bokuno myheroacademia animeme manga onepiece naruto attackontitan titanfolk onepunchman jujutsu evangelion ghibli otaku cosplay lightnovel thelastairbender legendofkorra',
  },
  {
    key: 'K-pop',
    activity: 'K-pop',
    person: 'a K-pop fan',
    people: 'K-pop fans',
    visual: ['fashion and beauty', 'cinematic portraits'],
    traits: ['enthusiastic', 'supportive'],
    names: 'kpop bangtan bts blackpink twice redvelvet newjeans lesserafim straykids seventeen nct itzy aespa kdrama',
  },
  {
    key: 'hip-hop',
    activity: 'hip-hop',
    person: 'a hip-hop listener',
    people: 'hip-hop listeners',
    visual: ['fashion and beauty', 'cinematic portraits'],
    traits: ['opinionated', 'creative'],
    names: 'hiphop kanye kendricklamar travisscott playboicarti drizzy rap frankocean tylerthecreator makinghiphop',
  },
  {
    key: 'making music',
    activity: 'playing and making music',
    person: 'a musician',
    people: 'musicians',
    visual: ['cinematic portraits', 'products and packaging'],
    traits: ['creative', 'inventive'],
    names:
      'guitar piano drum bass synthesizer musicproduction edmproduction musictheory songwriting wearethemusicmakers ableton violin modular',
  },
  {
    key: 'music',
    activity: 'music',
    person: 'a music lover',
    people: 'music lovers',
    visual: ['cinematic portraits', 'graphic design'],
    traits: ['curious', 'opinionated'],
    names:
      'music vinyl indieheads popheads =metal metalcore jazz electronicmusic edm letstalkmusic radiohead taylorswift beatles arcticmonkeys gorillaz',
  },
  {
    key: 'film',
    activity: 'film and television',
    person: 'a film and series lover',
    people: 'film and series lovers',
    visual: ['cinematic portraits', 'illustration and concept art'],
    traits: ['imaginative', 'opinionated'],
    names:
      'movie television netflix cinema criterion letterboxd breakingbad bettercallsaul gameofthrones freefolk asoiaf dundermifflin seinfeld thesimpsons rickandmorty southpark squidgame brooklynninenine documentaries sitcom',
  },
  {
    key: 'screen universes',
    activity: 'superhero and science-fiction films',
    person: 'a fan of superhero and science-fiction films',
    people: 'superhero and science-fiction fans',
    visual: ['sci-fi and robotics', 'illustration and concept art'],
    traits: ['enthusiastic', 'imaginative'],
    names:
      'marvel starwars prequelmeme startrek doctorwho batman spiderman raimimemes comicbook comics dccomics lotr lotrmemes lordoftherings dune harrypotter scifi',
  },
  {
    key: 'books',
    activity: 'books',
    person: 'a reader',
    people: 'readers',
    visual: ['illustration and concept art', 'architecture and interiors'],
    traits: ['curious', 'introverted'],
    names:
      'books booksuggest suggestmeabook literature =reading bookclub fantasy printsf cosmere audible goodreads romancebooks',
  },
  {
    key: 'writing',
    activity: 'writing',
    person: 'a writer',
    people: 'writers',
    visual: ['illustration and concept art', 'cinematic portraits'],
    traits: ['imaginative', 'creative'],
    names: 'writing writer worldbuilding writingprompts poetry poem screenwriting fanfiction selfpublish',
  },
  {
    key: 'gardening',
    activity: 'gardening',
    person: 'a gardener',
    people: 'gardeners',
    visual: ['nature and animals', 'architecture and interiors'],
    traits: ['practical', 'calm'],
    names:
      'garden vegetable compost permaculture landscaping lawncare bonsai orchids =roses homestead hydroponic mycology tomatoes beekeeping horticulture',
  },
  {
    key: 'houseplants',
    activity: 'houseplants',
    person: 'a houseplant keeper',
    people: 'houseplant keepers',
    visual: ['nature and animals', 'architecture and interiors'],
    traits: ['calm', 'detail-oriented'],
    names: 'houseplant plants plantclinic succulent cactus monstera aroid terrarium proplifting',
  },
  {
    key: 'cooking',
    activity: 'cooking and baking',
    person: 'a home cook',
    people: 'home cooks',
    visual: ['products and packaging', 'people and family'],
    traits: ['practical', 'creative'],
    names:
      'cooking recipe food baking breadit sourdough castiron mealprep grilling =smoking bbq pizza slowcooker =sushi ramen vegan vegetarian eatcheap cheese cakedecorating =kitchen instantpot fermentation',
  },
  {
    key: 'coffee and drinks',
    activity: 'coffee, tea and good drinks',
    person: 'someone who cares about what is in the cup',
    people: 'coffee and drinks enthusiasts',
    visual: ['products and packaging', 'architecture and interiors'],
    traits: ['detail-oriented', 'calm'],
    names: 'coffee espresso tea homebrew craftbeer beer wine whisky whiskey bourbon cocktail',
  },
  {
    key: 'fitness',
    activity: 'strength training and fitness',
    person: 'a regular at the gym',
    people: 'gym-goers',
    visual: ['people and family', 'cinematic portraits'],
    traits: ['competitive', 'organised'],
    names:
      'fitness gym bodybuilding powerlifting weightlifting bodyweight crossfit workout gainit kettlebell calisthenics weightroom yoga pilates climbing bouldering',
  },
  {
    key: 'endurance sports',
    activity: 'running and cycling',
    person: 'an endurance athlete',
    people: 'runners and cyclists',
    visual: ['nature and animals', 'people and family'],
    traits: ['independent', 'competitive'],
    names:
      'running runner marathon ultramarathon =ultra singletrack trailshoe gaiters cadence cycling bicycling mtb triathlon swimming bikepacking gravelcycling strava',
  },
  {
    key: 'outdoors',
    activity: 'hiking and the outdoors',
    person: 'someone who would rather be outside',
    people: 'outdoors people',
    visual: ['nature and animals', 'cinematic portraits'],
    traits: ['adventurous', 'independent'],
    names:
      'hiking camping ultralight backpacking =fishing =hunting kayak snowboard skiing surfing nationalpark appalachiantrail bushcraft overlanding outdoors scuba sailing',
  },
  {
    key: 'soccer',
    activity: 'football',
    person: 'a football supporter',
    people: 'football supporters',
    visual: ['people and family', 'cinematic portraits'],
    traits: ['competitive', 'opinionated'],
    names:
      'soccer football premierleague fantasypl reddevils gunners liverpool chelseafc mcfc coys bundesliga laliga realmadrid barca championsleague footballmanager lafc mls',
  },
  {
    key: 'american sports',
    activity: 'American team sports',
    person: 'a fan of American team sports',
    people: 'team-sports fans',
    visual: ['people and family', 'cinematic portraits'],
    traits: ['competitive', 'social'],
    names:
      'nfl nba baseball mlb hockey nhl cfb fantasyfootball collegebasketball sports lakers =warriors =patriots =cowboys =eagles yankees nbadiscussion',
  },
  {
    key: 'combat sports',
    activity: 'combat sports',
    person: 'a fight fan',
    people: 'fight fans',
    visual: ['people and family', 'cinematic portraits'],
    traits: ['competitive', 'opinionated'],
    names: 'mma ufc boxing bjj martialarts muaythai wrestling squaredcircle wwe judo',
  },
  {
    key: 'motorsport',
    activity: 'motorsport',
    person: 'a motorsport fan',
    people: 'motorsport fans',
    visual: ['products and packaging', 'cinematic portraits'],
    traits: ['competitive', 'analytical'],
    names: '=formula formuladank nascar motogp simracing iracing wec =rally grandprix',
  },
  {
    key: 'racket sports',
    activity: 'golf, tennis and cricket',
    person: 'a golf, tennis or cricket fan',
    people: 'golf, tennis and cricket fans',
    visual: ['people and family', 'nature and animals'],
    traits: ['competitive', 'calm'],
    names: 'golf tennis cricket badminton pickleball discgolf rugby',
  },
  {
    key: 'cars',
    activity: 'cars',
    person: 'a car enthusiast',
    people: 'car enthusiasts',
    visual: ['products and packaging', 'cinematic portraits'],
    traits: ['practical', 'opinionated'],
    names:
      'car autos mechanic justrolledintotheshop projectcar bmw audi subaru jeep truck teslamotors honda toyota mustang miata volkswagen autodetailing electricvehicles',
  },
  {
    key: 'motorcycles',
    activity: 'motorcycles',
    person: 'a motorcyclist',
    people: 'motorcyclists',
    visual: ['products and packaging', 'cinematic portraits'],
    traits: ['adventurous', 'independent'],
    names: 'motorcycle calamariraceteam harley scooters dualsport',
  },
  {
    key: 'cryptocurrency',
    activity: 'cryptocurrency',
    person: 'a crypto investor',
    people: 'crypto investors',
    visual: ['graphic design', 'sci-fi and robotics'],
    traits: ['trend-aware', 'inventive'],
    names:
      'crypto bitcoin ethereum ethtrader ethfinance btc dogecoin cardano solana defi nft algorand monero safemoon litecoin ripple shibarmy shib polkadot',
  },
  {
    key: 'investing',
    activity: 'stocks and investing',
    person: 'a private investor',
    people: 'private investors',
    visual: ['graphic design', 'products and packaging'],
    traits: ['analytical', 'opinionated'],
    names:
      'investing investor =invest =stock =stocks stockmarket wallstreetbets =options dividend daytrading superstonk bogleheads thetagang gme amcstock etf forex pennystocks',
  },
  {
    key: 'personal finance',
    activity: 'personal finance',
    person: 'someone who plans their money',
    people: 'careful budgeters',
    visual: ['products and packaging', 'architecture and interiors'],
    traits: ['organised', 'pragmatic'],
    names:
      'personalfinance frugal financialindependence leanfire fatfire povertyfinance creditcard churning budget ynab realestate mortgage homeowner firsttimehomebuyer',
  },
  {
    key: 'photography',
    activity: 'photography and film-making',
    person: 'a photographer',
    people: 'photographers',
    visual: ['cinematic portraits', 'nature and animals'],
    traits: ['creative', 'detail-oriented'],
    names:
      'photo analog darkroom rangefinder mediumformat lightmeter =negative itookapicture camera sonyalpha fujifilm filmmaker videography cinematography =drones astrophotography lightroom',
  },
  {
    key: 'art',
    activity: 'drawing and painting',
    person: 'an artist',
    people: 'artists',
    visual: ['illustration and concept art', 'culture and religion'],
    traits: ['creative', 'introverted'],
    names:
      'art drawing painting watercolor illustration sketch digitalart learnart sculpture artist procreate conceptart blender pixelart animation tattoo',
  },
  {
    key: 'design',
    activity: 'graphic design',
    person: 'a designer',
    people: 'designers',
    visual: ['graphic design', 'products and packaging'],
    traits: ['creative', 'detail-oriented'],
    profession: 'creative/design',
    names: 'design graphicdesign typography logodesign crappydesign userexperience webdesign industrialdesign',
  },
  {
    key: 'fibre crafts',
    activity: 'knitting, crochet and sewing',
    person: 'a fibre crafter',
    people: 'knitters and crocheters',
    visual: ['fashion and beauty', 'products and packaging'],
    traits: ['creative', 'calm'],
    names: 'crochet knit sewing quilt embroidery crossstitch yarn weaving amigurumi crafts',
  },
  {
    key: 'DIY',
    activity: 'woodworking and home repair',
    person: 'a do-it-yourselfer',
    people: 'do-it-yourselfers',
    visual: ['products and packaging', 'architecture and interiors'],
    traits: ['practical', 'independent'],
    names:
      'dovetail chisel handplane workbench lathe veneer diy wood woodwork homeimprovement carpentry =tools handtools renovation restoration metalworking blacksmith leathercraft fixit buyitforlife specializedtools',
  },
  {
    key: 'interiors',
    activity: 'interiors and architecture',
    person: 'someone with an eye for rooms and houses',
    people: 'lovers of interiors',
    visual: ['architecture and interiors', 'products and packaging'],
    traits: ['creative', 'calm'],
    names:
      'interiordesign cozyplaces malelivingspace homedecor architecture cabinporn amateurroomporn roomporn tinyhouse thriftstore urbanhell',
  },
  {
    key: 'fashion',
    activity: 'fashion and sneakers',
    person: 'someone who cares about clothes',
    people: 'fashion followers',
    visual: ['fashion and beauty', 'products and packaging'],
    traits: ['trend-aware', 'social'],
    names: 'fashion streetwear sneaker repsneakers designerreps rawdenim thrift outfits handbags watches',
  },
  {
    key: 'beauty',
    activity: 'make-up and skincare',
    person: 'a beauty enthusiast',
    people: 'beauty enthusiasts',
    visual: ['fashion and beauty', 'products and packaging'],
    traits: ['detail-oriented', 'supportive'],
    names: 'makeup skincare haircare curlyhair nails fragrance asianbeauty femalehairadvice',
  },
  {
    key: 'pets',
    activity: 'pets and animals',
    person: 'an animal lover',
    people: 'animal lovers',
    visual: ['nature and animals', 'people and family'],
    traits: ['supportive', 'calm'],
    names:
      'dog dogtraining cat blackcats kitten puppy puppies pupper aquarium fishtank aww eyebleach animalsbeing bunnies rabbits birds reptile hamsters horses corgi goldenretriever parrots',
  },
  {
    key: 'nature',
    activity: 'nature and wildlife',
    person: 'a nature watcher',
    people: 'nature watchers',
    visual: ['nature and animals', 'cinematic portraits'],
    traits: ['curious', 'calm'],
    names: 'earthporn =nature natureis birding wildlife botany whatsthisbug whatsthisplant insects geology weather',
  },
  {
    key: 'science',
    activity: 'science',
    person: 'someone with a scientific mind',
    people: 'science enthusiasts',
    visual: ['sci-fi and robotics', 'nature and animals'],
    traits: ['analytical', 'curious'],
    names:
      'science askscience physics chemistry biology =space spacex astronomy nasa engineering labrats futurology neuroscience',
  },
  {
    key: 'mathematics',
    activity: 'mathematics',
    person: 'someone who enjoys mathematics',
    people: 'maths enthusiasts',
    visual: ['graphic design', 'sci-fi and robotics'],
    traits: ['analytical', 'introverted'],
    names: 'math learnmath askmath calculus theydidthemath mathmemes',
  },
  {
    key: 'history',
    activity: 'history',
    person: 'a history enthusiast',
    people: 'history enthusiasts',
    visual: ['culture and religion', 'architecture and interiors'],
    traits: ['curious', 'imaginative'],
    names: 'history historymemes historyporn askhistorians ancient archaeology medieval genealogy oldschoolcool',
  },
  {
    key: 'maps',
    activity: 'maps and geography',
    person: 'a map lover',
    people: 'map lovers',
    visual: ['graphic design', 'culture and religion'],
    traits: ['curious', 'detail-oriented'],
    names: 'mapporn geography vexillology geoguessr urbanplanning =transit =trains',
  },
  {
    key: 'languages',
    activity: 'learning languages',
    person: 'a language learner',
    people: 'language learners',
    visual: ['culture and religion', 'graphic design'],
    traits: ['curious', 'organised'],
    names: 'languagelearning learnjapanese learnspanish duolingo linguistics etymology conlangs englishlearning',
  },
  {
    key: 'travel',
    activity: 'travel',
    person: 'a traveller',
    people: 'travellers',
    visual: ['architecture and interiors', 'nature and animals'],
    traits: ['adventurous', 'curious'],
    names: 'travel solotravel shoestring digitalnomad vandwelling expats aviation flights =cruise roadtrip',
  },
  {
    key: 'parenting',
    activity: 'raising children',
    person: 'someone busy raising children',
    people: 'parents',
    visual: ['people and family', 'products and packaging'],
    traits: ['supportive', 'pragmatic'],
    names: 'parenting =parents daddit mommit toddler newparents parentsofmultiples homeschool namenerds',
  },
  {
    key: 'relationships',
    activity: 'relationships and everyday advice',
    person: 'someone who takes an interest in how people get along',
    people: 'advice seekers and givers',
    visual: ['people and family', 'cinematic portraits'],
    traits: ['advice-oriented', 'social'],
    names:
      'relationship relationships relationshipadvice amitheasshole dating datingadvice tinder bumble askmen askwomen casualconversation socialskills wedding marriage justnomil maliciouscompliance tifu offmychest',
  },
  {
    key: 'student life',
    activity: 'student life',
    person: 'a student',
    people: 'students',
    visual: ['people and family', 'architecture and interiors'],
    traits: ['advice-oriented', 'organised'],
    profession: 'student/early-career',
    names:
      '=college applytocollege gradschool gradadmissions university student homeworkhelp sat apstudents premed lawschool mba chanceme phd gre studytips physicsstudents',
  },
  {
    key: 'work',
    activity: 'work and careers',
    person: 'someone who thinks about work',
    people: 'career-minded people',
    visual: ['products and packaging', 'people and family'],
    traits: ['pragmatic', 'advice-oriented'],
    names: 'jobs careerguidance cscareer resume recruitinghell antiwork askhr talesfrom findapath workreform',
  },
  {
    key: 'teaching',
    activity: 'teaching',
    person: 'a teacher',
    people: 'teachers',
    visual: ['people and family', 'illustration and concept art'],
    traits: ['supportive', 'organised'],
    profession: 'education/academia',
    names: 'teacher teaching professors askacademia scienceteachers',
  },
  {
    key: 'nursing',
    activity: 'nursing and medical work',
    person: 'someone who works in care',
    people: 'nurses and medical staff',
    visual: ['people and family', 'products and packaging'],
    traits: ['supportive', 'pragmatic'],
    profession: 'healthcare/public service',
    names: 'nursing nurse residency medicalschool emergencymedicine firefighting ems pharmacy',
  },
  {
    key: 'law and accounting',
    activity: 'legal and accounting work',
    person: 'someone at home with rules and figures',
    people: 'legal and accounting professionals',
    visual: ['architecture and interiors', 'graphic design'],
    traits: ['detail-oriented', 'organised'],
    profession: 'finance/legal/admin',
    names: 'lawyer lawyertalk accounting taxpros financialcareers paralegal',
  },
  {
    key: 'trades',
    activity: 'the skilled trades',
    person: 'someone who works with their hands',
    people: 'tradespeople',
    visual: ['products and packaging', 'architecture and interiors'],
    traits: ['practical', 'independent'],
    profession: 'trades/industrial',
    names: 'electrician plumbing welding hvac machinist construction truckers askelectricians roofing =concrete',
  },
  {
    key: 'business',
    activity: 'running a business',
    person: 'someone building a business',
    people: 'entrepreneurs',
    visual: ['products and packaging', 'graphic design'],
    traits: ['independent', 'pragmatic'],
    profession: 'entrepreneurship/freelance',
    names: 'entrepreneur smallbusiness startup etsyseller etsy ecommerce dropship freelance sideproject flipping',
  },
  {
    key: 'marketing',
    activity: 'marketing and media',
    person: 'someone in marketing and media',
    people: 'marketing people',
    visual: ['graphic design', 'products and packaging'],
    traits: ['social', 'trend-aware'],
    profession: 'marketing/media',
    names: 'marketing advertising copywriting socialmedia bigseo journalism publicrelations',
  },
  {
    key: 'collecting',
    activity: 'collecting',
    person: 'a collector',
    people: 'collectors',
    visual: ['products and packaging', 'illustration and concept art'],
    traits: ['detail-oriented', 'curious'],
    names:
      'lego funkopop =coins stamps philately fountainpen actionfigures hotwheels transformers gunpla sneakermarket knives edc flashlight nostalgia',
  },
  {
    key: 'mysteries',
    activity: 'horror and unsolved mysteries',
    person: 'a lover of dark stories',
    people: 'lovers of dark stories',
    visual: ['cinematic portraits', 'illustration and concept art'],
    traits: ['imaginative', 'curious'],
    names: 'horror nosleep unresolvedmysteries truecrime creepy morbidreality ufo paranormal twosentencehorror',
  },
  {
    key: 'creators',
    activity: 'streamers and video creators',
    person: 'a follower of online creators',
    people: 'followers of online creators',
    visual: ['graphic design', 'cinematic portraits'],
    traits: ['humorous', 'trend-aware'],
    names: 'youtube livestreamfail twitch pewdiepie podcast joerogan tiktok influencer newtubers ksi jacksepticeye',
  },
  {
    key: 'self-improvement',
    activity: 'self-improvement and simple living',
    person: 'someone working on their habits',
    people: 'self-improvers',
    visual: ['architecture and interiors', 'nature and animals'],
    traits: ['organised', 'calm'],
    names:
      'selfimprovement getdisciplined productivity minimalism simpleliving zerowaste declutter getmotivated decidingtobebetter notion lifehacks lifeprotips stoicism',
  },
  {
    key: 'humour',
    activity: 'internet humour',
    person: 'someone who does not take the internet too seriously',
    people: 'meme lovers',
    visual: ['graphic design', 'people and family'],
    traits: ['humorous', 'trend-aware'],
    names:
      'meme dankmemes funny joke shitposting copypasta starterpack holup facepalm puns adviceanimals greentext 196 cringe whitepeopletwitter blackpeopletwitter',
  },
  {
    key: 'curiosities',
    activity: 'odd facts and curiosities',
    person: 'someone who likes to know things',
    people: 'curious minds',
    visual: ['nature and animals', 'culture and religion'],
    traits: ['curious', 'social'],
    names:
      'todayilearned explainlikeimfive showerthoughts nostupidquestions askreddit youshouldknow interestingasfuck damnthatsinteresting mildlyinteresting nextfuckinglevel oddlysatisfying beamazed coolguides whatisthisthing videos gifs pics tooafraidtoask outoftheloop',
  },
  {
    key: 'news',
    activity: 'world news',
    person: 'someone who follows the news',
    people: 'news followers',
    visual: ['cinematic portraits', 'culture and religion'],
    traits: ['trend-aware', 'opinionated'],
    names: 'news worldnews nottheonion upliftingnews geopolitics economics',
  },
];

/** Names, label, country, locale and, where the community writes it, the language. */
const PLACES: readonly (readonly [string, string, string, string, string?])[] = [
  [
    'canada ontario toronto vancouver montreal calgary edmonton ottawa alberta britishcolumbia',
    'Canada',
    'Canada',
    'North America',
  ],
  [
    'unitedkingdom casualuk askuk britishproblems london ukpersonalfinance scotland manchester wales uk',
    'the United Kingdom',
    'United Kingdom',
    'Europe',
  ],
  ['ireland dublin', 'Ireland', 'Ireland', 'Europe'],
  ['australia sydney melbourne brisbane perth adelaide ausfinance straya', 'Australia', 'Australia', 'Oceania'],
  ['newzealand auckland wellington', 'New Zealand', 'New Zealand', 'Oceania'],
  ['india mumbai bangalore delhi hyderabad indiaspeaks desimemes indiandankmemes', 'India', 'India', 'Asia'],
  ['pakistan karachi', 'Pakistan', 'Pakistan', 'Asia'],
  ['de deutschland', 'Germany', 'Germany', 'Europe', 'German'],
  ['germany berlin munich hamburg askgermany', 'Germany', 'Germany', 'Europe'],
  ['austria wien', 'Austria', 'Austria', 'Europe', 'German'],
  ['switzerland zurich', 'Switzerland', 'Switzerland', 'Europe'],
  ['france rance paris', 'France', 'France', 'Europe', 'French'],
  ['quebec', 'Quebec', 'Canada', 'North America', 'French'],
  ['italy italia', 'Italy', 'Italy', 'Europe', 'Italian'],
  ['spain es espanol madrid barcelona', 'Spain', 'Spain', 'Europe', 'Spanish'],
  ['portugal', 'Portugal', 'Portugal', 'Europe', 'Portuguese'],
  ['brasil brazil desabafos saopaulo', 'Brazil', 'Brazil', 'Latin America', 'Portuguese'],
  ['mexico', 'Mexico', 'Mexico', 'Latin America', 'Spanish'],
  ['argentina', 'Argentina', 'Argentina', 'Latin America', 'Spanish'],
  ['chile', 'Chile', 'Chile', 'Latin America', 'Spanish'],
  ['colombia', 'Colombia', 'Colombia', 'Latin America', 'Spanish'],
  ['thenetherlands netherlands amsterdam', 'the Netherlands', 'Netherlands', 'Europe'],
  ['belgium belgica', 'Belgium', 'Belgium', 'Europe'],
  ['sweden svenskpolitik sverige stockholm', 'Sweden', 'Sweden', 'Europe', 'Swedish'],
  ['norway norge oslo', 'Norway', 'Norway', 'Europe', 'Norwegian'],
  ['denmark copenhagen', 'Denmark', 'Denmark', 'Europe', 'Danish'],
  ['finland suomi helsinki', 'Finland', 'Finland', 'Europe', 'Finnish'],
  ['poland polska', 'Poland', 'Poland', 'Europe', 'Polish'],
  ['romania bucuresti', 'Romania', 'Romania', 'Europe', 'Romanian'],
  ['hungary budapest', 'Hungary', 'Hungary', 'Europe', 'Hungarian'],
  ['czech prague', 'the Czech Republic', 'Czech Republic', 'Europe'],
  ['greece athens', 'Greece', 'Greece', 'Europe', 'Greek'],
  ['turkey turkiye kgbtr istanbul', 'Turkey', 'Turkey', 'Europe', 'Turkish'],
  ['croatia zagreb', 'Croatia', 'Croatia', 'Europe', 'Croatian'],
  ['serbia belgrade', 'Serbia', 'Serbia', 'Europe'],
  ['japan tokyo japanlife', 'Japan', 'Japan', 'Asia'],
  ['korea seoul', 'South Korea', 'South Korea', 'Asia'],
  ['china shanghai', 'China', 'China', 'Asia'],
  ['hongkong', 'Hong Kong', 'Hong Kong', 'Asia'],
  ['taiwan', 'Taiwan', 'Taiwan', 'Asia'],
  ['philippines manila casualph phinvest', 'the Philippines', 'Philippines', 'Asia'],
  ['singapore', 'Singapore', 'Singapore', 'Asia'],
  ['malaysia', 'Malaysia', 'Malaysia', 'Asia'],
  ['indonesia', 'Indonesia', 'Indonesia', 'Asia', 'Indonesian'],
  ['vietnam', 'Vietnam', 'Vietnam', 'Asia'],
  ['thailand bangkok', 'Thailand', 'Thailand', 'Asia'],
  ['southafrica capetown johannesburg', 'South Africa', 'South Africa', 'Middle East–Africa'],
  ['nigeria lagos', 'Nigeria', 'Nigeria', 'Middle East–Africa'],
  ['kenya nairobi', 'Kenya', 'Kenya', 'Middle East–Africa'],
  ['egypt cairo', 'Egypt', 'Egypt', 'Middle East–Africa'],
  ['dubai', 'the United Arab Emirates', 'United Arab Emirates', 'Middle East–Africa'],
  ['nyc newyork newyorkcity brooklyn', 'New York', 'United States', 'North America'],
  ['losangeles california sanfrancisco bayarea sandiego sacramento', 'California', 'United States', 'North America'],
  ['seattle washington portland oregon', 'the Pacific Northwest', 'United States', 'North America'],
  ['texas austin houston dallas', 'Texas', 'United States', 'North America'],
  ['chicago', 'Chicago', 'United States', 'North America'],
  ['boston massachusetts', 'Boston', 'United States', 'North America'],
  ['washingtondc nova', 'Washington, D.C.', 'United States', 'North America'],
  ['philadelphia pittsburgh pennsylvania', 'Pennsylvania', 'United States', 'North America'],
  ['florida miami orlando tampa', 'Florida', 'United States', 'North America'],
  ['atlanta georgia', 'Georgia', 'United States', 'North America'],
  ['denver colorado boulder', 'Colorado', 'United States', 'North America'],
  [
    'minnesota twincities michigan detroit ohio columbus cleveland wisconsin',
    'the Midwest',
    'United States',
    'North America',
  ],
];
