import { invalid } from '../errors.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import type { KeyAttribute } from '../model/table.ts';

/** Reads the items of a file. @throws DynamodbError `validation-failed` of an item that is none: the rest may be good */
export interface LineReader {
  /** @returns `undefined` for what is no item: an empty line, a header */
  read(line: string): Attributes | undefined;
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;

/**
 * The lines of a file, one at a time: no more of it is held than the longest line may have.
 * @param quoted  a line goes on behind its end while a quote is open
 * @throws DynamodbError `validation-failed`: a line is longer than `bytesMax`
 */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  quoted: boolean,
  bytesMax: number,
): AsyncGenerator<string> {
  let begun: Uint8Array[] = [];
  let size = 0;
  let open = false;
  const add = (piece: Uint8Array) => {
    begun.push(piece);
    size += piece.length;
    if (size > bytesMax) throw invalid(`A line is longer than ${bytesMax} bytes`);
  };
  const end = () => {
    const line = Buffer.concat(begun).toString();
    begun = [];
    size = 0;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  };
  for await (const chunk of body) {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE && quoted) open = !open;
      if (byte !== LINE_FEED || open) continue;
      add(chunk.subarray(start, at));
      yield end();
      start = at + 1;
    }
    add(chunk.subarray(start));
  }
  if (size > 0) yield end();
}

/** Lines `{"Item":{...}}`. */
export function dynamodbJson(): LineReader {
  return {
    read: (line) => {
      if (line.trim() === '') return undefined;
      return attributesIn(JSON.parse(line)?.Item);
    },
  };
}

/** Attributes of JSON that nobody has checked: of each value one type, with what that type holds. */
function attributesIn(members: unknown): Attributes {
  if (typeof members !== 'object' || members === null || Array.isArray(members)) throw invalid('Expected a map');
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, valueIn(value)]));
}

function valueIn(wrapped: unknown): AttributeValue {
  const [[type, value], ...more] = Object.entries((wrapped ?? {}) as object) as [[string, unknown], ...unknown[]];
  const isSwitch = typeof value === 'boolean';
  if (more.length > 0) throw invalid('An attribute has more than one type');
  if (type === 'S' && typeof value === 'string') return { S: value };
  if (type === 'N' && typeof value === 'string') return { N: value };
  if (type === 'B' && typeof value === 'string') return { B: Buffer.from(value, 'base64') };
  if (type === 'BOOL' && isSwitch) return { BOOL: value };
  if (type === 'NULL' && isSwitch) return { NULL: value };
  if (type === 'M') return { M: attributesIn(value) };
  if (!Array.isArray(value)) throw invalid(`An attribute has no type, or no value of its type: ${type}`);
  if (type === 'L') return { L: value.map(valueIn) };
  if (value.some((member) => typeof member !== 'string')) throw invalid('A set holds something else than texts');
  if (type === 'SS') return { SS: value };
  if (type === 'NS') return { NS: value };
  if (type === 'BS') return { BS: value.map((member) => Buffer.from(member, 'base64')) };
  throw invalid(`There is no type ${type}`);
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
