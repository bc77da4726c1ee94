import type { DeviceMessages } from '../../../src/gateway/console/fleet/device.ts';

/** Points of a live chart. */
const POINTS_MAX = 900;

/** Numbers at the top of JSON payloads, over time: columns as uPlot takes them. */
export interface LiveNumbers {
  readonly times: readonly number[];
  readonly fields: ReadonlyMap<string, readonly (number | null)[]>;
}

export const NO_NUMBERS: LiveNumbers = { times: [], fields: new Map() };

type Message = Pick<DeviceMessages['messages'][number], 'at' | 'text' | 'isText'>;

/** The numbers with those of one more message; fields that it does not have get a gap. */
export function withMessage(before: LiveNumbers, { at, text, isText }: Message): LiveNumbers {
  const values = isText ? numbersIn(text) : new Map<string, number>();
  if (values.size === 0) return before;
  const count = before.times.length;
  const names = new Set([...before.fields.keys(), ...values.keys()]);
  const fields = new Map<string, readonly (number | null)[]>();
  for (const name of names) {
    const column = before.fields.get(name) ?? new Array<number | null>(count).fill(null);
    fields.set(name, [...column, values.get(name) ?? null].slice(-POINTS_MAX));
  }
  return { times: [...before.times, at / 1000].slice(-POINTS_MAX), fields };
}

/** What devices write of the time, which says nothing over time. */
const TIMES = /^(t|ts|time|timestamp|seq|sequence)$|(_at|_ms|_ns|timestamp)$/i;

function numbersIn(text: string): ReadonlyMap<string, number> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return new Map();
  }
  if (typeof value === 'number') return new Map([['value', value]]);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
  return new Map(
    Object.entries(value).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && !TIMES.test(entry[0]),
    ),
  );
}
