import { DomainError } from '../../../base/index.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetters } from './letter.ts';
import { DEAD_LETTER_LIMITS } from './limits.ts';
import { decodeReference, encodeReference } from './reference.ts';

/** Letters that a filter has found, and where to go on. */
export interface Found {
  readonly letters: readonly DeadLetter[];
  readonly scanned: number;
  readonly next?: string;
}

/**
 * Looks through the places, one after the other in the order of their ids, from `after` on, until `limit` letters are found or
 * enough were looked at for one answer.
 *
 * @param isMeant  letters that it is false for are passed over, whatever the filter says
 * @throws cursor-invalid, place-unknown
 */
export async function scan(
  store: Pick<DeadLetters, 'places' | 'browse'>,
  filter: DeadLetterFilter,
  after: string | undefined,
  limit: number,
  isMeant: (letter: DeadLetter) => boolean = () => true,
): Promise<Found> {
  const matches = matcherOf(filter);
  const letters: DeadLetter[] = [];
  let scanned = 0;
  let bytes = 0;
  let at = after === undefined ? undefined : startOf(after);
  for (const place of await placesFrom(store, filter.place, at?.place)) {
    let key = at?.place === place ? at.key : undefined;
    at = undefined;
    for (let more = true; more; ) {
      const page = await store.browse(place, {
        ...(key !== undefined && { after: key }),
        limit: pageSize(limit, filter),
      });
      for (const letter of page.letters) {
        key = letter.key;
        scanned++;
        bytes += letter.bytes;
        if (matches(letter) && isMeant(letter)) letters.push(letter);
        if (letters.length >= limit || isEnough(scanned, bytes)) {
          return { letters, scanned, next: encodeReference({ place, key }) };
        }
      }
      more = page.more && page.letters.length > 0;
    }
  }
  return { letters, scanned };
}

const isEnough = (scanned: number, bytes: number) =>
  scanned >= DEAD_LETTER_LIMITS.scannedMax || bytes >= DEAD_LETTER_LIMITS.scannedBytesMax;

/** Without a filter every letter is wanted: then no more are read than that. */
function pageSize(limit: number, { place: _, ...filter }: DeadLetterFilter): number {
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  return isFiltered ? DEAD_LETTER_LIMITS.pageMax : Math.min(limit, DEAD_LETTER_LIMITS.pageMax);
}

function startOf(after: string) {
  const reference = decodeReference(after);
  if (!reference) throw new DomainError('cursor-invalid', '"after" must be the "next" of an earlier answer');
  return reference;
}

async function placesFrom(
  store: Pick<DeadLetters, 'places'>,
  only: string | undefined,
  first: string | undefined,
): Promise<readonly string[]> {
  const places = only === undefined ? (await store.places()).map(({ id }) => id).sort() : [only];
  return first === undefined ? places : places.filter((place) => place >= first);
}

/** Texts match as parts, whatever their case. */
function matcherOf({ target, source, reason, text, before }: DeadLetterFilter): (letter: DeadLetter) => boolean {
  const has = (part: string | undefined) => {
    if (part === undefined || part === '') return () => true;
    const wanted = part.toLowerCase();
    return (...values: readonly (string | undefined)[]) =>
      values.some((value) => value?.toLowerCase().includes(wanted));
  };
  const [isTarget, isSource, isReason, isText] = [target, source, reason, text].map(has) as [Has, Has, Has, Has];
  return (letter) =>
    isTarget(letter.target) &&
    isSource(letter.source) &&
    isReason(letter.errorCode, letter.errorMessage) &&
    isText(letter.body) &&
    (before === undefined || timeOf(letter) < before);
}

/** When it became a dead letter, as far as that is known. */
export function timeOf({ givenUpAt, sentAt }: DeadLetter): number {
  return givenUpAt ?? sentAt;
}

type Has = (...values: readonly (string | undefined)[]) => boolean;
