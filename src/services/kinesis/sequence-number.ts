import type { Offset } from '../../store/index.ts';

/**
 * Sequence numbers as AWS's look: decimal strings of 56 digits that compare as numbers, across the generations of a stream too.
 *
 * Layout in digits: `49`, creation of the shard in epoch seconds (11), index of the record from 1 (19), zeros (14), number of the
 * shard (10). Index 0 is the shard's starting sequence number. All widths are fixed, so strings of digits compare as numbers,
 * and none is ever computed on: a record's number is its offset in another dress.
 */
export interface SequenceNumberParts {
  /** Epoch seconds in which the shard was made. */
  readonly generation: number;
  readonly shardIndex: number;
  /** Of the record in its shard; -1 for the shard's starting sequence number. */
  readonly offset: Offset;
}

const ZEROS = '0'.repeat(19);

const padded = (value: number, width: number) => String(value).padStart(width, '0');

/** Writes the sequence numbers of one shard. */
export class SequenceNumbers {
  readonly #head: string;
  readonly #tail: string;

  constructor(generation: number, shardIndex: number) {
    this.#head = `49${padded(generation, 11)}`;
    this.#tail = `${'0'.repeat(14)}${padded(shardIndex, 10)}`;
  }

  of(offset: Offset): string {
    const digits = String(offset + 1);
    return this.#head + ZEROS.slice(digits.length) + digits + this.#tail;
  }
}

/** @returns undefined when `text` is none of ours */
export function parseSequenceNumber(text: string): SequenceNumberParts | undefined {
  const match = /^49([0-9]{11})([0-9]{19})0{14}([0-9]{10})$/.exec(text);
  if (!match) return undefined;
  return { generation: Number(match[1]), offset: Number(match[2]) - 1, shardIndex: Number(match[3]) };
}
