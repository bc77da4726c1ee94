import { DomainError, hasCode } from '../../base/index.ts';
import type { Records, Write } from './records.ts';

/** Values are read so many at a time: what is read in one piece is held twice for a moment, and that memory does not come back. */
const LOADED_AT_ONCE = 250;

/** A change of a registry that is made together with others: see {@link commitChanges}. */
export interface RegistryChange {
  readonly write: Write;
  /** Shows the change to readers; called once it is durable. */
  apply(): void;
}

/** Changes of several registries in one transaction: all of them are durable when it resolves, or none is made. */
export async function commitChanges(records: Records, changes: readonly RegistryChange[]): Promise<void> {
  await records.commit({ writes: changes.map(({ write }) => write) });
  for (const change of changes) change.apply();
}

/**
 * Control-plane state by name: all of a space in memory, in order of names, with every change written through.
 *
 * Reads are synchronous and see what is durable only (S1). Values are JSON, and what is held is what a restart would read
 * back: frozen, without `undefined` and without classes. One process and one registry own a space.
 */
export class Registry<T> {
  readonly #records: Records;
  readonly #space: string;
  readonly #values = new Map<string, T>();
  /** Names in the order of their UTF-16 code units, as JavaScript sorts. */
  readonly #names: string[] = [];

  private constructor(records: Records, space: string) {
    this.#records = records;
    this.#space = space;
  }

  /** Reads the whole space: for thousands of values, not for millions. */
  static async open<T>(records: Records, space: string): Promise<Registry<T>> {
    const registry = new Registry<T>(records, space);
    await registry.#load();
    return registry;
  }

  get size(): number {
    return this.#names.length;
  }

  get(name: string): T | undefined {
    return this.#values.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Values whose names begin with `prefix`, in order of names. */
  list(prefix = ''): readonly T[] {
    return this.names(prefix).map((name) => this.#values.get(name)!);
  }

  /** Names that begin with `prefix`, sorted. */
  names(prefix = ''): readonly string[] {
    const start = this.#position(prefix);
    let end = start;
    while (end < this.#names.length && this.#names[end]!.startsWith(prefix)) end++;
    return this.#names.slice(start, end);
  }

  /**
   * Adds a value; durable when it resolves.
   *
   * @param beside  written in the same transaction, to other spaces: what is too long to be held in memory
   * @throws DomainError `already-exists`, and those of the records store
   */
  async create(name: string, value: T, beside: readonly Write[] = []): Promise<void> {
    const key = Buffer.from(name);
    const json = JSON.stringify(value);
    const write = { kind: 'put', space: this.#space, key, value: Buffer.from(json) } as const;
    try {
      await this.#records.commit({
        conditions: [{ space: this.#space, key, is: 'absent' }],
        writes: [write, ...beside],
      });
    } catch (error) {
      if (!hasCode(error, 'condition-failed')) throw error;
      throw new DomainError('already-exists', `${name} exists already`, { cause: error });
    }
    this.#set(name, json);
  }

  /**
   * Adds or replaces a value; durable when it resolves. Changes of one name take effect as they were called.
   * @param beside  as in {@link create}
   */
  async put(name: string, value: T, beside: readonly Write[] = []): Promise<void> {
    const json = JSON.stringify(value);
    const write = { kind: 'put', space: this.#space, key: Buffer.from(name), value: Buffer.from(json) } as const;
    await this.#records.commit({ writes: [write, ...beside] });
    this.#set(name, json);
  }

  /** Removes a value; durable when it resolves. @param beside  as in {@link create} @returns whether it was there */
  async delete(name: string, beside: readonly Write[] = []): Promise<boolean> {
    const key = Buffer.from(name);
    const condition = { space: this.#space, key, is: 'present' } as const;
    try {
      await this.#records.commit({
        conditions: [condition],
        writes: [{ kind: 'delete', space: this.#space, key }, ...beside],
      });
    } catch (error) {
      if (hasCode(error, 'condition-failed')) return false;
      throw error;
    }
    this.#remove(name);
    return true;
  }

  /** A value to be set, or removed where it is `undefined`, together with other changes. */
  change(name: string, value: T | undefined): RegistryChange {
    const place = { space: this.#space, key: Buffer.from(name) };
    if (value === undefined) return { write: { kind: 'delete', ...place }, apply: () => this.#remove(name) };
    const json = JSON.stringify(value);
    return { write: { kind: 'put', ...place, value: Buffer.from(json) }, apply: () => this.#set(name, json) };
  }

  async #load(): Promise<void> {
    let from: Uint8Array = new Uint8Array(0);
    for (;;) {
      const page = await this.#records.range(this.#space, { from, limit: LOADED_AT_ONCE });
      for (const { key, value } of page) this.#set(textOf(key), textOf(value));
      if (page.length < LOADED_AT_ONCE) return;
      from = Buffer.concat([page.at(-1)!.key, Buffer.of(0)]);
    }
  }

  #set(name: string, json: string): void {
    if (!this.#values.has(name)) this.#names.splice(this.#position(name), 0, name);
    this.#values.set(name, frozen(JSON.parse(json)) as T);
  }

  #remove(name: string): void {
    if (this.#values.delete(name)) this.#names.splice(this.#position(name), 1);
  }

  /** Index of the first name not below `name`. */
  #position(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}

/** Freezes what came of JSON, all the way down. */
function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) for (const member of value) frozen(member);
  // No list of members: a node that starts has thousands of values to freeze.
  else for (const name in value) frozen((value as Record<string, unknown>)[name]);
  return Object.freeze(value);
}
