/*
 * Sequence numbers as clients see them: 24 digits, all of the same length, so that their order as text is that of numbers.
 * AWS promises 21 to 40 digits and nothing else about them.
 */

/** In front of the number: no digits that a sort or a parser might drop. */
const PREFIX = '10000000';
const DIGITS = 16;

/** @param sequence  whole, 0 to 2^53 */
export function sequenceText(sequence: number): string {
  return PREFIX + String(sequence).padStart(DIGITS, '0');
}

/** The number of a text; `undefined` when it is not one of ours. */
export function parseSequence(text: string): number | undefined {
  if (!/^10000000\d{16}$/.test(text)) return undefined;
  const sequence = Number(text.slice(PREFIX.length));
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}
