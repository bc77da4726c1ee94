import { Buffer } from 'node:buffer';

/**
 * The runtime looks for pieces up to so long in time proportional to the whole. Of longer ones it knows only the last 250 units, and
 * takes quadratic time where these repeat: seconds for one condition on a large item.
 */
const LONG = 250;

/** Whether `part` is a piece of `whole`; in time proportional to both. */
export function includesText(whole: string, part: string): boolean {
  if (part.length <= LONG) return whole.includes(part);
  return part.length <= whole.length && includesUnits(unitsOf(whole), unitsOf(part));
}

/** The same of bytes. */
export function includesBytes(whole: Uint8Array, part: Uint8Array): boolean {
  if (part.length > LONG) return part.length <= whole.length && includesUnits(whole, part);
  return Buffer.from(whole.buffer, whole.byteOffset, whole.length).includes(Buffer.from(part));
}

type Units = Uint8Array | Uint16Array;

function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let at = 0; at < units.length; at++) units[at] = text.charCodeAt(at);
  return units;
}

/** As Knuth, Morris and Pratt search: nothing of `whole` is looked at again. */
function includesUnits(whole: Units, part: Units): boolean {
  const borders = bordersOf(part);
  let matched = 0;
  for (let at = 0; at < whole.length; at++) {
    while (matched > 0 && whole[at] !== part[matched]) matched = borders[matched - 1]!;
    if (whole[at] === part[matched]) matched++;
    if (matched === part.length) return true;
  }
  return false;
}

/** For each beginning of `part`, how long the longest is that it also ends with. */
function bordersOf(part: Units): Int32Array {
  const borders = new Int32Array(part.length);
  for (let at = 1, length = 0; at < part.length; at++) {
    while (length > 0 && part[at] !== part[length]) length = borders[length - 1]!;
    if (part[at] === part[length]) length++;
    borders[at] = length;
  }
  return borders;
}
