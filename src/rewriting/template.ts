import type { Random } from '../core/random.js';
import type { ChosenFacet } from './facet.js';
import { visualInterestOf } from './facet.js';
import type { PersonaView } from './persona-view.js';
import { MOODS, MOTIFS, PLAIN, STYLES } from './visual-words.js';

/** Raise when a word of the template or of its lists changes. */
export const TEMPLATE_REWRITE_VERSION = 'rewrite-template-1';

/**
 * A rewrite without a model: the prompt as it stands, then what this persona would look for: a motif of the facet, setting,
 * light, colours, framing, mood. The same for the same prompt, persona and seed. Without a persona: craft and no taste.
 *
 * @param random of this prompt and persona
 */
export function templateRewrite(
  prompt: string,
  persona: PersonaView | undefined,
  facet: ChosenFacet | undefined,
  random: Random,
): string {
  const any = <T>(list: readonly T[]): T => list[random.below(list.length)];
  const base = prompt.trim().replace(/[\s.,;:]+$/, '');
  if (!persona) {
    const { settings, lights, palettes, compositions, moods } = PLAIN;
    return `${base}, ${any(settings)}, ${any(lights)}, ${any(palettes)}, ${any(compositions)}, ${any(moods)} mood`;
  }
  const pictured = visualInterestOf(prompt);
  const { aesthetics } = persona;
  const interest = pictured !== undefined && aesthetics.includes(pictured) ? pictured : (aesthetics[0] ?? pictured);
  const style = interest === undefined ? PLAIN : STYLES[interest];
  const motif = motifOf(facet?.title, any) ?? motifOf(persona.interests.join(' '), any);
  const moods = persona.traits.flatMap((trait) => MOODS[trait.toLowerCase()] ?? []);
  const mood = moods.length > 0 ? any(moods) : any(PLAIN.moods);
  return [
    base,
    motif ?? any(style.settings),
    any(style.lights),
    any(style.palettes),
    any(style.compositions),
    `${mood} mood`,
  ].join(', ');
}

function motifOf(text: string | undefined, any: <T>(list: readonly T[]) => T): string | undefined {
  if (text === undefined) return undefined;
  const lower = text.toLowerCase();
  const found = MOTIFS.find(([names]) => names.test(lower));
  return found && any(found[1]);
}
