import type { VisualInterest } from '../personas/persona.js';

/**
 * How the template pictures things: phrases for each visual interest and motifs for interests, our own work. Nothing in
 * here speaks of people, their age, gender, origin, health, belief or means: a motif is a thing or a place.
 */
export interface VisualStyle {
  readonly keywords: string; // space-separated stems: what a prompt of this interest tends to name
  readonly settings: readonly string[];
  readonly lights: readonly string[];
  readonly palettes: readonly string[];
  readonly compositions: readonly string[];
}

export const STYLES: Readonly<Record<VisualInterest, VisualStyle>> = {
  'architecture and interiors': {
    keywords:
      'house home building room kitchen interior architecture facade tower bridge cabin apartment staircase window door roof library hall street city skyline courtyard loft bathroom bedroom office',
    settings: [
      'framed by clean structural lines',
      'in a carefully furnished space',
      'beside tall windows and plain walls',
    ],
    lights: ['soft daylight from one side', 'low evening sun on the walls', 'even north light'],
    palettes: ['warm plaster and oak tones', 'concrete grey with brass accents', 'off-white, sand and slate'],
    compositions: ['wide one-point perspective', 'symmetrical framing', 'leading lines towards the subject'],
  },
  'products and packaging': {
    keywords:
      'product bottle box package logo brand watch shoe sneaker phone headphone keyboard mug cup bag device gadget label can jar camera lamp chair car bicycle bike motorcycle',
    settings: [
      'on a seamless studio backdrop',
      'on a workbench with neatly laid out parts',
      'on a matte stone surface',
    ],
    lights: ['crisp softbox light', 'a narrow rim light', 'diffused light from above'],
    palettes: ['two muted tones and one bright accent', 'graphite and cool white', 'kraft brown and deep green'],
    compositions: [
      'centred close-up with fine texture',
      'three-quarter view from slightly above',
      'flat lay with generous margins',
    ],
  },
  'people and family': {
    keywords:
      'people family friend child kid baby couple group crowd picnic wedding party dinner breakfast gathering team school neighbor',
    settings: [
      'in a lived-in everyday place',
      'around a table with small personal things',
      'outdoors in a quiet neighbourhood',
    ],
    lights: ['gentle afternoon light', 'warm lamp light', 'light shade under trees'],
    palettes: ['natural skin-friendly tones', 'faded denim and cream', 'honey and soft green'],
    compositions: ['candid eye-level framing', 'medium shot with room to breathe', 'shallow focus on the gesture'],
  },
  'nature and animals': {
    keywords:
      'fox dog cat bird horse wolf bear deer lion tiger owl fish whale butterfly bee flower tree forest mountain river lake ocean sea beach desert waterfall garden plant leaf mushroom snow sunset sunrise cloud storm island meadow animal landscape valley fruit apple',
    settings: ['in a lush natural habitat', 'among leaves and moss', 'before distant hills'],
    lights: ['soft morning light', 'golden hour backlight', 'mist with pale sun'],
    palettes: ['moss green and clay', 'cool blue and pale gold', 'deep forest greens'],
    compositions: [
      'eye-level close-up with shallow depth of field',
      'wide view with a small subject',
      'low angle from the ground',
    ],
  },
  'graphic design': {
    keywords:
      'poster logo icon pattern typography flyer cover banner infographic badge sticker emblem symbol layout geometric abstract map chart',
    settings: ['on a strict grid', 'against a flat colour field', 'with bold simplified shapes'],
    lights: ['flat even light', 'hard-edged graphic shadows', 'subtle paper grain'],
    palettes: ['three flat spot colours', 'black, off-white and vermilion', 'teal, mustard and cream'],
    compositions: ['strong negative space', 'asymmetric balance', 'central emblem with clear silhouette'],
  },
  'culture and religion': {
    keywords:
      'temple church cathedral mosque shrine festival ceremony monk ritual lantern mask dance costume carnival altar statue procession market tradition mural',
    settings: ['amid handmade ornaments', 'during a local festivity', 'on worn stone steps'],
    lights: ['candle and lantern glow', 'shafts of light through haze', 'bright midday light on colours'],
    palettes: ['saffron, crimson and indigo', 'gold leaf on dark wood', 'turquoise and terracotta'],
    compositions: ['ornate frame within the frame', 'centred and ceremonial', 'rich foreground detail'],
  },
  'cinematic portraits': {
    keywords:
      'portrait face man woman girl boy king queen warrior knight detective soldier hero actor musician artist chef astronaut wizard witch sailor samurai pirate',
    settings: ['before a dim out-of-focus background', 'on an empty street after rain', 'by a window at night'],
    lights: ['low-key side light', 'teal and amber practical lights', 'soft key with deep shadows'],
    palettes: ['muted teal and amber', 'desaturated browns', 'night blue with one warm accent'],
    compositions: ['tight framing at 85 mm', 'off-centre with negative space', 'anamorphic wide frame'],
  },
  'illustration and concept art': {
    keywords:
      'dragon castle fairy elf monster creature fantasy magic spell sword potion dungeon treasure ruin cave village map character hero wizard unicorn phoenix anime manga comic cartoon',
    settings: [
      'in a storied world with small hidden details',
      'among overgrown ruins',
      'on the edge of an unknown land',
    ],
    lights: ['painted rim light', 'a glow from within the scene', 'dramatic cloud-broken light'],
    palettes: ['jewel tones on dusk', 'ink and watercolour washes', 'ochre, violet and smoke'],
    compositions: ['sweeping diagonal', 'layered depth with silhouettes', 'character-sheet clarity'],
  },
  'sci-fi and robotics': {
    keywords:
      'robot spaceship space planet alien cyborg android starship galaxy moon mars rocket satellite laboratory machine drone future futuristic cyberpunk computer circuit server hologram astronaut',
    settings: [
      'in a precise technical environment',
      'among exposed panels and cables',
      'inside a quiet orbital station',
    ],
    lights: ['cool indicator glow', 'thin neon edges', 'hard light without atmosphere'],
    palettes: ['gunmetal with cyan accents', 'matte white and signal orange', 'deep black and magenta'],
    compositions: ['isometric clarity', 'vast scale with a tiny subject', 'cutaway view of the workings'],
  },
  'fashion and beauty': {
    keywords:
      'dress fashion makeup hair model jewelry necklace ring hat coat jacket shirt runway style outfit perfume lipstick nail silk fabric shoe sneaker handbag',
    settings: ['on a minimal set with draped fabric', 'against a hand-painted backdrop', 'on a sunlit rooftop'],
    lights: ['glossy beauty-dish light', 'soft directional window light', 'hard sun with crisp shadows'],
    palettes: ['monochrome with one statement colour', 'champagne and blush', 'ink black and pearl'],
    compositions: ['editorial full-length framing', 'macro of texture and material', 'bold crop'],
  },
};

/** Interests by the words that name them, and what of them can be seen. The first that fits is taken. */
export const MOTIFS: readonly (readonly [names: RegExp, motifs: readonly string[]])[] = [
  [/houseplant|succulent|cact/, ['trailing houseplants on the sill', 'rows of small potted succulents']],
  [/garden|plant|allot|botan/, ['terracotta pots and garden beds', 'climbing beans and seed trays']],
  [
    /cook|bak|food|cuisine|recipe|barbecue/,
    ['steam rising from a kitchen counter', 'fresh herbs and a flour-dusted board'],
  ],
  [/coffee|tea\b|brew/, ['a steaming cup nearby', 'copper kettles and ceramic cups']],
  [
    /program|software|develop|coding|linux/,
    ['lines of glowing code reflected nearby', 'a tidy desk with a mechanical keyboard'],
  ],
  [/data|machine.?learning|statist|comput|hardware|pc\b/, ['fine circuit traces', 'a lattice of small status lights']],
  [
    /electronic|3d print|maker|robot|engineer/,
    ['visible screws and printed parts', 'a soldering station in the background'],
  ],
  [
    /role-?playing|dungeon|tabletop|board.?game|warhammer|magic/,
    ['dice and a hand-drawn map', 'painted miniatures along the edge'],
  ],
  [/game|gaming|esport/, ['pixel-art details', 'a heads-up display frame']],
  [/anime|manga|comic/, ['cel-shaded outlines', 'speed lines and screentone']],
  [/music|guitar|vinyl|band|piano|synth/, ['vinyl sleeves and a vintage amplifier', 'strings and worn fretboards']],
  [/film|movie|cinema|televis|series/, ['a projector beam in dusty air', 'film-grain texture']],
  [/photo|camera/, ['visible lens bokeh', 'contact-sheet borders']],
  [/art|draw|paint|illustrat|craft|knit|crochet|sew/, ['visible brush strokes', 'yarn and sketchbook textures']],
  [/read|book|writ|poet|literature/, ['stacked cloth-bound books', 'handwritten notes in the margin']],
  [/hik|camp|climb|outdoor|mountain|trail/, ['a winding trail and a small tent', 'weathered rope and stone']],
  [/travel|city|local/, ['a folded map and old tickets', 'a distant skyline']],
  [/cycl|bike|motorcycl/, ['a leaning bicycle', 'spokes catching the light']],
  [/car|auto|vehicle/, ['chrome reflections', 'an open garage behind']],
  [
    /run|fitness|gym|sport|football|soccer|basketball|baseball|hockey/,
    ['chalk lines and motion blur', 'stadium lights far off'],
  ],
  [/pet|dog|cat|animal|bird|aquari|fish/, ['a small animal companion at the edge', 'paw prints in the foreground']],
  [/fashion|sneaker|makeup|beauty|skin/, ['rich fabric folds', 'carefully arranged accessories']],
  [/home|interior|furnit|diy|woodwork|improv/, ['wood shavings and hand tools', 'a half-finished shelf']],
  [/space|astronom|science|physic|math/, ['a faint star chart', 'brass instruments and chalk formulas']],
  [/history|museum|ancient/, ['aged paper and wax seals', 'weathered columns']],
  [/watch|collect|coin|stamp|antique/, ['a glass cabinet of small finds', 'engraved metal details']],
  [/news|politic|world/, ['layered newsprint textures']],
  [/financ|invest|stock|crypto|econom|business/, ['fine guilloche patterns', 'a clean ledger grid']],
  [/learn|school|universit|student|language/, ['a chalkboard with loose sketches', 'sticky notes and open notebooks']],
  [/humou?r|meme|jok/, ['a playful oversized prop', 'an unexpected comic detail']],
];

/** Moods by trait; a trait that is not here is left out. */
export const MOODS: Readonly<Record<string, string>> = {
  practical: 'grounded',
  pragmatic: 'grounded',
  creative: 'inventive',
  inventive: 'inventive',
  social: 'convivial',
  calm: 'calm',
  competitive: 'energetic',
  supportive: 'gentle',
  independent: 'self-contained',
  introverted: 'quiet',
  organised: 'orderly',
  organized: 'orderly',
  adventurous: 'adventurous',
  humorous: 'playful',
  curious: 'curious',
  analytical: 'precise',
  'detail-oriented': 'meticulous',
  imaginative: 'dreamlike',
  collaborative: 'convivial',
  sceptical: 'sober',
  opinionated: 'bold',
  experimental: 'experimental',
  narrative: 'story-like',
  'trend-aware': 'contemporary',
  patient: 'patient',
  nostalgic: 'nostalgic',
};

/** What the template adds without a persona: no taste, only craft. */
export const PLAIN = {
  settings: ['in a fitting setting', 'in its usual surroundings'],
  lights: ['natural light', 'even light'],
  palettes: ['balanced natural colours', 'true-to-life colours'],
  compositions: ['clear centred composition', 'simple balanced framing'],
  moods: ['neutral', 'plain'],
} as const;
