/*
 * Writers turn an output into JSON text by its shape: members the model does not know are left out, so that nothing of ours
 * leaks. One closure per shape; text is joined piece by piece, and flattened once when it becomes bytes.
 */
import { RawJson } from './raw-json.ts';
import type { ListShape, MapShape, MemberTraits, ScalarShape, ServiceTable, StructureShape } from './shape.ts';
import { writeTimestamp } from './timestamp.ts';

/** JSON text of one value, which is neither `undefined` nor `null`. */
export type Write = (value: any) => string;

/** Compiles the JSON writers of one service's shapes, each when it is first needed. */
export class JsonWriterSet {
  readonly #table: ServiceTable;
  readonly #writers = new Map<number, Write>();

  constructor(table: ServiceTable) {
    this.#table = table;
  }

  writer(index: number): Write {
    const known = this.#writers.get(index);
    if (known) return known;
    let made: Write = () => '';
    this.#writers.set(index, (value) => made(value));
    made = this.#compile(index);
    this.#writers.set(index, made);
    return made;
  }

  /** A writer of only the members that `takes` accepts: the others are bound to headers and the like. */
  partWriter(index: number, takes: (traits: MemberTraits | undefined) => boolean): Write {
    return this.#structure(this.#table.shapes[index] as StructureShape, takes);
  }

  #compile(index: number): Write {
    const shape = this.#table.shapes[index]!;
    switch (shape.type) {
      case 'structure':
      case 'union':
        return this.#structure(shape, () => true);
      case 'list':
        return this.#list(shape);
      case 'map':
        return this.#map(shape);
      default:
        return scalarWriter(shape);
    }
  }

  #structure(shape: StructureShape, takes: (traits: MemberTraits | undefined) => boolean): Write {
    const members = shape.members
      .filter(([, , traits]) => takes(traits))
      .map(([name, index, traits]) => ({
        name,
        prefix: `${JSON.stringify(traits?.jsonName ?? name)}:`,
        write: this.writer(index),
      }));
    return (value: Record<string, unknown> | RawJson) => {
      if (value instanceof RawJson) return value.text;
      let text = '{';
      for (const member of members) {
        const item = value[member.name];
        if (item === undefined || item === null) continue;
        text += (text.length > 1 ? ',' : '') + member.prefix + member.write(item);
      }
      return `${text}}`;
    };
  }

  #list(shape: ListShape): Write {
    const write = this.writer(shape.member);
    return (value: Iterable<unknown> | RawJson) => {
      if (value instanceof RawJson) return value.text;
      let text = '[';
      for (const item of value)
        text += (text.length > 1 ? ',' : '') + (item === null || item === undefined ? 'null' : write(item));
      return `${text}]`;
    };
  }

  #map(shape: MapShape): Write {
    const write = this.writer(shape.value);
    return (value: Record<string, unknown> | RawJson) => {
      if (value instanceof RawJson) return value.text;
      let text = '{';
      for (const key of Object.keys(value)) {
        const item = value[key];
        if (item === undefined) continue;
        text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${item === null ? 'null' : write(item)}`;
      }
      return `${text}}`;
    };
  }
}

function scalarWriter(shape: ScalarShape): Write {
  switch (shape.type) {
    case 'string':
      return (value) => JSON.stringify(String(value));
    case 'boolean':
      return (value) => (value ? 'true' : 'false');
    case 'blob':
      return (value) => `"${toBase64(value)}"`;
    case 'timestamp':
      return timestampWriter(shape);
    case 'document':
      return (value) => JSON.stringify(value) ?? 'null';
    default:
      return (value) => (Number.isFinite(value) || typeof value === 'bigint' ? String(value) : `"${value}"`);
  }
}

function timestampWriter({ format = 'epoch-seconds' }: ScalarShape): Write {
  if (format === 'epoch-seconds') return (value) => writeTimestamp(value, format);
  return (value) => `"${writeTimestamp(value, format)}"`;
}

/** Base64 of bytes, whichever array they are in; a string stands for its UTF-8. */
export function toBase64(value: Uint8Array | string): string {
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('base64');
  const buffer = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return buffer.toString('base64');
}
