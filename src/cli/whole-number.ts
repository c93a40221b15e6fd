import { InvalidArgumentError } from 'commander';

/** Reads a whole number of at least 0 from a flag. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text.trim() === '')
    throw new InvalidArgumentError(`expected a whole number, got "${text}".`);
  return value;
}
