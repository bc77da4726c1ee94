import type { Random } from '../../base/index.ts';
import { invalidParameter, invalidRequest } from './errors.ts';
import { SECRETS_LIMITS } from './limits.ts';

/** A password as the API asks for it. */
export interface PasswordRequest {
  readonly PasswordLength?: number;
  readonly ExcludeCharacters?: string;
  readonly ExcludeNumbers?: boolean;
  readonly ExcludePunctuation?: boolean;
  readonly ExcludeUppercase?: boolean;
  readonly ExcludeLowercase?: boolean;
  readonly IncludeSpace?: boolean;
  readonly RequireEachIncludedType?: boolean;
}

const LOWERCASE = 'abcdefghijklmnopqrstuvwxyz';
const UPPERCASE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const NUMBERS = '0123456789';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** Draws a password, every character as likely as the others. @throws invalid-parameter, invalid-request */
export function randomPassword(request: PasswordRequest, random: Random): string {
  const { PasswordLength: length = SECRETS_LIMITS.passwordCharacters, RequireEachIncludedType: each = true } = request;
  const excluded = new Set(request.ExcludeCharacters ?? '');
  const kinds = [
    request.ExcludeLowercase ? '' : LOWERCASE,
    request.ExcludeUppercase ? '' : UPPERCASE,
    request.ExcludeNumbers ? '' : NUMBERS,
    request.ExcludePunctuation ? '' : PUNCTUATION,
    request.IncludeSpace ? ' ' : '',
  ]
    .filter((kind) => kind !== '')
    .map((kind) => [...kind].filter((character) => !excluded.has(character)));
  const all = kinds.flat();
  if (all.length === 0) throw invalidRequest('All characters are excluded: there is nothing to make a password of.');
  if (!each) return draw(all, length, random).join('');
  if (kinds.some((kind) => kind.length === 0)) {
    throw invalidRequest('You excluded all characters of a type and require at least one of each included type.');
  }
  if (length < kinds.length) {
    throw invalidParameter(
      `The password length must be at least ${kinds.length} to have one character of each included type.`,
    );
  }
  const characters = [...kinds.flatMap((kind) => draw(kind, 1, random)), ...draw(all, length - kinds.length, random)];
  return shuffled(characters, random).join('');
}

function draw(characters: readonly string[], count: number, random: Random): string[] {
  return Array.from({ length: count }, () => characters[below(characters.length, random)]!);
}

function shuffled(items: string[], random: Random): string[] {
  for (let at = items.length - 1; at > 0; at--) {
    const other = below(at + 1, random);
    [items[at], items[other]] = [items[other]!, items[at]!];
  }
  return items;
}

/** A whole number from 0 to `bound` - 1, none of them likelier. */
function below(bound: number, random: Random): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const number = random.bytes(4).readUInt32LE();
    if (number < limit) return number % bound;
  }
}
