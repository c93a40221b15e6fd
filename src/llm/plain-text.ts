/**
 * What shows nothing and can still mislead: control and escape characters, zero-width and bidirectional marks, tag
 * characters, variation selectors, Hangul fillers, lone surrogates.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Variation_Selector}\u115f\u1160\u3164\uffa0]/gu;

/** Foreign text as one line in which everything can be seen: for prompts, reports and terminals. */
export function plainText(text: string): string {
  return text.replace(/\s+/gu, ' ').replace(INVISIBLE, '').replace(/ {2,}/g, ' ').trim();
}

/** `text` cut to `maxLength` UTF-16 units at most, with an ellipsis where something is missing. */
export function capped(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
