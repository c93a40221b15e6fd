import { byName } from './by-name.js';
import { wordsOf } from './topics.js';

/**
 * What a community says about its people that nobody may infer without being asked to: the special categories of
 * Art. 9 GDPR as far as communities show them, drugs and crime, places of minors, and over-18 content.
 */
export const SENSITIVE_CATEGORIES = [
  'over18',
  'sexuality',
  'health',
  'religion',
  'politics',
  'ethnicity',
  'drugs',
  'minors',
] as const;
export type SensitiveCategory = (typeof SENSITIVE_CATEGORIES)[number];

/**
 * Words of names, our own work. A pattern stands for a whole word of the name, with a leading `~` for any part of it,
 * with a leading `=` for the whole name. English and a few large communities of other languages: no list is complete,
 * which is why `--exclude-subreddits` and the over-18 marks of the input come on top.
 */
const PATTERNS: Readonly<Record<SensitiveCategory, string>> = {
  over18:
    'gw bbw pawg paag milfs ~slut ~pussy ~pussies ~titty ~titties ~titfuck ~bigtit ~busty ~naughty ~horny ~naked ~squirting ~vagina ~labia ~bikini ~freeuse yiff breeding ' +
    '~trashyboner ~sissy ~sissies ~jizz ~voluptuous ~boobies ~breasts ~nipple ~cocks ~dicks ~cumm ~creamp ~smutt ~pegging ~chastity ~femboy ~gaybro_nsfw ~lewd ~oppai ~ahegao ~facesitting ~strapon ~facial ~dildo ~butthole ~buttplug ~thicc ~booty ~feetpics ~girlsin ~girlswith ~hotgirls ~hugeboob ~sexsells ~exhibition ~voyeur ~holdingthemoan ~wouldyoufuck ~fuckdoll ~cuties ~pawgs ~sext ~nymph ~tentai ~tribute ~whenitgoesin ~spreade ~lipsthatgrip ~fuckablea ~afterdark ~bdsmcommunity ' +
    '~incest ~gangbang ~fisting ~cameltoe ~gloryhole ~ageplay ~ddlg abdl ~cuckquean ~camwhore ~spanking ~cumshot ~pantyhose ~bondag ~forcedorgasm ~dirtyk ~dirtysn cfnm joi sph ~shemale ~bimbo =tgifs ' +
    'nsfw gonewild ~gonewild ~porn ~nsfw ~hentai ~rule34 ~nude nudes nudity sex sexy ~milf boobs ~boobs tits ass asses =asshole booty ' +
    'pussy cock dick penis cum slut sluts whore whores bdsm ~bdsm bondage ~bondage fetish ~fetish femdom ~femdom ' +
    'kink kinky ~blowjob ~handjob deepthroat anal ~creampie ~cuckold hotwife ~hotwife bukkake threesome orgasm masturbation ' +
    '~onlyfans ~camgirl lingerie thong ~upskirt ~downblouse ~cleavage ~braless panties ~panties stripper strippers ~escort ~celebnsfw jerkoff ' +
    '~jerkoff wanking fap ~fap ~nofap gore =watchpeopledie ecchi ~ecchi yaoi yuri futanari ~futa ~thighdeology ' +
    'legalteens ~legalteens ~barelylegal dirtyr4r ~dirtyr4r dirtykikpals ~dirtypen ~xxx erotica ~erotic swingers ~swingers ' +
    '=realgirls ~brothel =gabiekinn =freekarma4u =holdthemoan =cumsluts =ratemycock =burstingout =palegirls =ginger =biggerthanyouthought =juicyasians =asiansgonewild ' +
    '=girlsfinishingthejob =curvy =collegesluts =amateur =bustypetite =thick =wifesharing =tgirls =celebs =jilling =suicidegirls ' +
    '=girlsinyogapants =traps =doujinshi =overwatch_porn =monstergirl =ladybonersgw =massivecock =tinder_nsfw =homemadexxx =adorableporn',
  sexuality:
    'lgbt ~lgbt gay gays ~gaybros ~gaymers lesbian lesbians ~lesbian ~bisexual bisexuals ~actuallesbians queer ~queer ~transgender ' +
    '~asktrans transition mtf ftm ~nonbinary enby ~asexual ~aromantic ~pansexual genderqueer ~genderfluid drag crossdressing ~crossdress ' +
    '=ainbow =egg_irl =bi_irl =me_irlgbt =traaaaaaannnnnnnnnns =trans =asktransgender =transpassing =transtimelines =rupaulsdragrace =polyamory ' +
    '~arethestraights =sexover30 =deadbedrooms =sexadvice =r4r =incels =inceltear =braincels =truerateme ~dirty4r',
  health:
    'depression ~depressed ~depression anxiety ~anxiety adhd ~adhd autism autistic ~autism aspergers ~asperger bipolar ~bipolar ~schizo ' +
    '~schizophrenia ptsd cptsd ~cptsd ocd bpd ~borderlinepd suicide suicidal ~suicide ~selfharm ~eatingdisorder ~anorexia bulimia ~edanonymous ' +
    'cancer ~cancer diabetes ~diabetes hiv herpes ~herpes std stds ~fibromyalgia ~epilepsy migraine ~migraine lupus crohns ~crohns ibs ' +
    '~ulcerativecolitis celiac ~celiac pcos endo ~endometriosis ivf infertility ~infertility ~pregnant pregnancy ~babybumps ~miscarriage abortion ' +
    '~birthcontrol vasectomy ~chronicpain ~chronicillness disability ~disabled disabilities tourettes psychosis ~antidepressants ' +
    '~mentalhealth ~mentalillness therapy ~askdocs ~medicaladvice transplant dementia alzheimers ~parkinson ~multiplesclerosis stroke ' +
    '~lexapro ~zoloft ~prozac ~sertraline ssri ssris ~wellbutrin ~adderall ~vyvanse ~accutane ~xanax ~gabapentin ~retard ~covidlonghaulers longcovid ~covid19positive ~coronavirus menopause balding ~hairloss tressless ~tinnitus insomnia narcolepsy ' +
    '~stopdrinking ~alcoholism ~alcoholic ~stopsmoking ~quitting addiction ~pornaddiction ~recovery grief ~griefsupport widowers ~abuse ' +
    '~raisedbynarcissists ~raisedbyborderlines ~survivorsofabuse rape ~offmychestsupport =leaves =quittingkratom =stopgaming =loseit =gainit_ed ' +
    '=keto_diabetes =proed =ems_health =2meirl4meirl =sad =lonely =foreveralone =traumatoolbox =hypothyroidism =brain_fog =ankylosingspondylitis',
  religion:
    'christian christians ~christian christianity catholic ~catholic catholicism orthodox ~orthodox protestant lutheran baptist ' +
    'mormon ~mormon ~exmormon lds ~latterday ~jehovah ~exjw islam ~islam muslim muslims ~muslim quran ~hijab jewish jews judaism ~judaism ' +
    '~hindu hinduism ~buddhis zen sikh ~sikh atheism ~atheism atheist ~atheist ~agnostic ~religion religious ~bible jesus church ' +
    'pagan ~paganis wicca ~witchcraft ~witchesvs satanism ~satanis scientology ~theology =god =truechristian =exmuslim =dankchristianmemes',
  politics:
    'politics ~politics political ~political politic republican republicans ~republican democrat democrats ~democrats conservative ' +
    '~conservative conservatives liberal liberals ~liberal ~neoliberal socialist socialism ~socialis communist communism ~communis ' +
    'marxism ~marxis anarchist anarchism ~anarch libertarian ~libertarian ~fascis antifa ~antifa ~antiwork ~feminis ~mensrights ' +
    '~trump biden ~biden obama ~obama bernie ~sandersforpresident ~democratic aoc ~desantis hillary ~clinton brexit ~brexit tories labour ' +
    '~labouruk ~union ~unions maga ~progressive leftist ~leftis rightwing ~rightwing alt-right ~altright ~conspiracy ~qanon ~prolife ~prochoice ' +
    '~gunpolitics progun ~progun ~guncontrol ~immigration ~palestin israel ~israel ~ukraina =the_donald =chapotraphouse =latestagecapitalism ' +
    '=politicalhumor =whitepeopletwitter =walkaway =tucker_carlson =louderwithcrowder =jordanpeterson =daverubin =kotakuinaction =tumblrinaction ' +
    '=neutralpolitics =enlightenedcentrism =breadtube =vaushv =destiny =hasan_piker =hermancainaward =subredditdrama_politics =worldpolitics =indiaspeaks =unitedstatesofindia ' +
    '=sino =toiletpaperusa ~nazis =leopardsatemyface =selfawarewolves =publicfreakout_politics =genzedong =lockdownskepticism =nonewnormal =parlerwatch =topmindsofreddit =therightcantmeme =shitliberalssay =debatevaccines',
  ethnicity:
    '~blackpeople ~blackladies ~blackmen ~blacklives ~whitepeople ~asianamerican ~hapas ~aznidentity ~latinx ~latinos ~nativeamerican ' +
    '~indigenous ~chicano ~racism racist ~mixedrace =asianmasculinity =asiantwox =blackfellas =naturalhair =abcdesis',
  drugs:
    'drugs ~drugs drug ~cannabis marijuana ~marijuana weed ~weed stoner stoners ~stoner ~eldertrees =trees ~treesgonewild =treedibles vape ~vape vaping ' +
    'lsd mdma cocaine heroin meth opiates ~opiate opioids kratom ~kratom psychedelics ~psychonaut ~shrooms ~psilocyb ketamine dmt ' +
    '~benzodiazepines steroids ~steroids =peds ~testosterone =trt =moreplatesmoredates nicotine dabs ~microgrowery oilpen ~fentorama darknet ~darknet ~shoplifting ~sarms =stims =cigarettes =dxm ' +
    '=cocaine =ents =weedbiz =tripsit =trippy =hempflowers =delta8',
  minors:
    'teen teens ~teens teenager teenagers ~teenager ~teenmoms highschool ~highschool ~middleschool ~highschoolers ~kidsarefuckingstupid ' +
    'tween tweens ~minors =teenagersnew =gcse =igcse =apstudents =sixthform =alevel =adolescence =freecompliments =genz =roblox',
};

/** What is not meant although a pattern fits: places, professions, pastimes. */
const EXCEPTIONS = new Set(
  (
    'analog analoguecommunity assassinscreed analytics dickinson sexandthecity cancerastrology unionj unixporn earthporn foodporn mapporn cityporn ' +
    'spaceporn designporn roomporn abandonedporn machineporn villageporn animalporn waterporn skyporn historyporn cabinporn infrastructureporn ' +
    'militaryporn gunporn carporn bookporn adporn movieposterporn albumartporn powerwashingporn toolporn interestingasfuck oddlyterrifying ' +
    'creditunions studentunion europeanunion westernunion reunion strokes thestrokes zenfone chancetherapper churchofscience ' +
    'orthodoxdentistry weedeater dragonage covenant crossfit artefactporn engineeringporn shittyfoodporn mapporncirclejerk fakehistoryporn exposureporn panporn quotesporn penmanshipporn ' +
    'tankporn warshipporn architectureporn fightporn seaporn geologyporn astrophotographyporn dessertporn firewatchporn winterporn autumnporn ruralporn typewriterporn ' +
    'climbingporn ultrahdporn wallpaperporn anarchychess amitheasshole makeupaddiction skincareaddiction skincare_addiction asianbeautyaddiction  datarecovery gamerecovery therapydogs kinks thekinks mechanicaladvice girlsinstem girlswithguitars'
  ).split(' '),
);

interface Patterns {
  readonly category: SensitiveCategory;
  readonly words: ReadonlySet<string>;
  readonly parts: readonly string[];
  readonly names: ReadonlySet<string>;
}

const COMPILED: readonly Patterns[] = SENSITIVE_CATEGORIES.map((category) => {
  const patterns = PATTERNS[category].split(' ');
  return {
    category,
    words: new Set(patterns.filter((pattern) => !/^[~=]/.test(pattern))),
    parts: patterns.filter((pattern) => pattern.startsWith('~')).map((pattern) => pattern.slice(1)),
    names: new Set(patterns.filter((pattern) => pattern.startsWith('=')).map((pattern) => pattern.slice(1))),
  };
});

/** The sensitive category that the name of a community falls into; undefined for most. */
export const sensitivityOf = byName(findSensitivity);

function findSensitivity(subreddit: string): SensitiveCategory | undefined {
  const name = subreddit.toLowerCase();
  const joined = name.replace(/[^\p{L}\p{N}]/gu, '');
  if (EXCEPTIONS.has(joined)) return undefined;
  const words = wordsOf(subreddit);
  return COMPILED.find(
    (patterns) =>
      patterns.names.has(name) ||
      words.some((word) => patterns.words.has(word)) ||
      patterns.parts.some((part) => joined.includes(part)),
  )?.category;
}
