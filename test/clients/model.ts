/* What AWS's model says of answers, which no client holds them to. */
import { compilePattern } from '../../src/codec/aws/pattern.ts';
import type { ScalarShape, ServiceTable } from '../../src/codec/aws/shape.ts';

/**
 * Where an answer departs from the model: a required member is not there, or a text is none of its enumeration or not of its pattern.
 * Lengths and ranges are not looked at: shapes have them in common with inputs, and AWS answers empty lists and zeros for any.
 *
 * @param answer  as a client that knows all of the model has read it
 * @returns what is there instead, by place (`GetUser.User.Path`)
 */
export function departures(table: ServiceTable, operation: string, answer: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(departuresOf(table, table.operations[operation]!.output, answer, operation));
}

type Departure = readonly [place: string, found: string];

function* departuresOf(table: ServiceTable, index: number, value: unknown, place: string): Generator<Departure> {
  const shape = table.shapes[index]!;
  if (shape.type === 'structure' || shape.type === 'union') {
    if (shape.eventStream) return;
    const members = value as Readonly<Record<string, unknown>>;
    for (const name of shape.required ?? []) {
      if (members[name] === undefined) yield [`${place}.${name}`, 'nothing'];
    }
    for (const [name, member] of shape.members) {
      if (members[name] !== undefined) yield* departuresOf(table, member, members[name], `${place}.${name}`);
    }
  } else if (shape.type === 'list') {
    for (const item of value as readonly unknown[]) yield* departuresOf(table, shape.member, item, `${place}[]`);
  } else if (shape.type === 'map') {
    for (const [key, member] of Object.entries(value as object)) {
      yield* departuresOf(table, shape.key, key, `${place}{key}`);
      yield* departuresOf(table, shape.value, member, `${place}{}`);
    }
  } else if (typeof value === 'string' && !isOf(shape as ScalarShape, value)) yield [place, value];
}

function isOf({ enum: values, pattern }: ScalarShape, text: string): boolean {
  const compiled = pattern === undefined ? undefined : compilePattern(pattern);
  return values?.includes(text) !== false && compiled?.test(text) !== false;
}
