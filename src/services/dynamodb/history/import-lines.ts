import { invalid } from '../errors.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { attributesOfJson } from '../model/stored.ts';
import type { KeyAttribute } from '../model/table.ts';

/** Reads the items of a file. @throws DynamodbError `validation-failed` of an item that is none: the rest may be good */
export interface LineReader {
  /** @returns `undefined` for what is no item: an empty line, a header */
  read(line: string): Attributes | undefined;
  /** Whether a line goes on behind its end: a quote is open. */
  isOpen(line: string): boolean;
}

/** Lines `{"Item":{...}}`. */
export function dynamodbJson(): LineReader {
  return {
    isOpen: () => false,
    read: (line) => {
      if (line.trim() === '') return undefined;
      const item = JSON.parse(line).Item;
      if (typeof item !== 'object' || item === null) throw invalid('A line has no Item');
      return attributesOfJson(JSON.stringify(item));
    },
  };
}

/**
 * Comma-separated values as AWS reads them: all are strings, but for key attributes, which have the types of their definitions.
 * An empty field is an attribute that the item lacks.
 * @param header  names of the columns; absent: the first line says
 */
export function csv(
  attributes: readonly KeyAttribute[],
  delimiter: string,
  header: readonly string[] | undefined,
): LineReader {
  const types = new Map(attributes.map(({ name, type }) => [name, type]));
  let names = header;
  return {
    isOpen: (line) => (line.match(/"/g)?.length ?? 0) % 2 === 1,
    read: (line) => {
      if (line.trim() === '') return undefined;
      const fields = splitCsv(line, delimiter);
      if (!names) {
        names = fields;
        return undefined;
      }
      if (fields.length > names.length) throw invalid('A line has more fields than the header');
      const entries = fields.map((field, at) => [names![at]!, field] as const).filter(([, field]) => field !== '');
      return Object.fromEntries(entries.map(([name, field]) => [name, fieldValue(types.get(name) ?? 'S', field)]));
    },
  };
}

function fieldValue(type: KeyAttribute['type'], field: string): AttributeValue {
  if (type === 'S') return { S: field };
  return type === 'N' ? { N: field } : { B: Buffer.from(field, 'base64') };
}

/** @see RFC 4180 */
function splitCsv(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quoted && character === '"' && line[at + 1] === '"') {
      field += '"';
      at++;
    } else if (character === '"') quoted = !quoted;
    else if (!quoted && character === delimiter) {
      fields.push(field);
      field = '';
    } else field += character;
  }
  return [...fields, field];
}
