import type { Records, Write } from '../../../store/index.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { STACKS_SPACE } from '../presence.ts';
import { isNoEcho, MASKED, parameterValue } from '../template/parameters.ts';
import { templateOf } from './evaluation.ts';
import type { ChangeSet, Definition, Stack, StackEvent } from './model.ts';
import type { NewEvent } from './transition.ts';

const SPACES = {
  stacks: STACKS_SPACE,
  definitions: 'cloudformation/definitions',
  events: 'cloudformation/events',
  changeSets: 'cloudformation/change-sets',
  /** Of stacks with topics: how many of their events these have been told. */
  notified: 'cloudformation/notified',
} as const;

const PAGE = 1_000;

/**
 * Version of what the spaces hold (S4); raised with any change that an older node would misread. 2 has stacks that are held for their
 * parents; 3 has imports, which an older node would undo by deleting what was there before. What either holds is read as it stands.
 */
const FORMAT = 3;
const FORMAT_SPACE = 'cloudformation/format';
const FORMAT_KEY = 'version';

/** Stacks, their definitions, events and change sets: in memory for reading, in records for keeps. A change is one commit. */
export class StackStore {
  readonly #records: Records;
  readonly #stacks = new Map<string, Stack>();
  readonly #definitions = new Map<string, Definition>();
  readonly #changeSets = new Map<string, ChangeSet>();
  readonly #notified = new Map<string, number>();
  /** Called when a stack has new events. */
  onEvents: (uuid: string) => void = () => {};

  private constructor(records: Records) {
    this.#records = records;
  }

  static async open(records: Records): Promise<StackStore> {
    await checkFormat(records);
    const store = new StackStore(records);
    await store.#load<Stack>(SPACES.stacks, (stack) => store.#stacks.set(stack.uuid, stack));
    await store.#load<ChangeSet>(SPACES.changeSets, (changeSet) => store.#changeSets.set(changeSet.id, changeSet));
    await store.#load<Definition>(SPACES.definitions, (definition, key) => store.#definitions.set(key, definition));
    await store.#load<number>(SPACES.notified, (count, uuid) => store.#notified.set(uuid, count));
    return store;
  }

  async #load<T>(space: string, take: (value: T, key: string) => void): Promise<void> {
    let from: Uint8Array | undefined;
    for (;;) {
      const entries = await this.#records.range(space, { ...(from && { from }), limit: PAGE });
      for (const { key, value } of entries)
        take(JSON.parse(Buffer.from(value).toString()) as T, Buffer.from(key).toString());
      const last = entries.at(-1);
      if (!last || entries.length < PAGE) return;
      from = Buffer.concat([last.key, Buffer.from([0])]);
    }
  }

  stacks(): readonly Stack[] {
    return [...this.#stacks.values()];
  }

  stack(uuid: string): Stack | undefined {
    return this.#stacks.get(uuid);
  }

  /** The stack of this name that lives, or the one of this id even if it is deleted. */
  find(region: string, nameOrId: string): Stack | undefined {
    if (nameOrId.startsWith('arn:')) return this.stack(nameOrId.slice(nameOrId.lastIndexOf('/') + 1));
    return this.stacks().find(
      (stack) => stack.name === nameOrId && stack.region === region && stack.status !== 'DELETE_COMPLETE',
    );
  }

  definition(stack: Stack, revision = stack.revision): Definition | undefined {
    return this.#definitions.get(definitionKey(stack, revision));
  }

  /** Of one stack, or of all. */
  changeSets(stackId?: string): readonly ChangeSet[] {
    const all = [...this.#changeSets.values()];
    return stackId === undefined ? all : all.filter((changeSet) => changeSet.stackId === stackId);
  }

  /** Of nested stacks, made with one of the stack above them. */
  changeSetsBelow(id: string): readonly ChangeSet[] {
    return [...this.#changeSets.values()].filter(({ parentId }) => parentId === id);
  }

  changeSet(id: string): ChangeSet | undefined {
    return this.#changeSets.get(id);
  }

  /** Stores a stack with the events that led to it and, when it has one, its new definition. Durable when it resolves. */
  async save(
    stack: Stack,
    events: readonly NewEvent[],
    at: number,
    definition?: { readonly revision: number; readonly value: Definition },
  ): Promise<Stack> {
    const saved: Stack = { ...stack, eventsWritten: stack.eventsWritten + events.length };
    const writes: Write[] = [put(SPACES.stacks, stack.uuid, saved)];
    const secrets = this.#secrets(stack);
    for (const [index, event] of events.entries()) {
      writes.push(...eventWrites(stack, stack.eventsWritten + index, withoutSecrets(event, secrets), at));
    }
    if (definition) writes.push(put(SPACES.definitions, definitionKey(stack, definition.revision), definition.value));
    // Topics are told of what comes from now on.
    const told = definition?.value.notificationArns.length && !this.#notified.has(stack.uuid);
    if (told) writes.push(put(SPACES.notified, stack.uuid, stack.eventsWritten));
    await this.#records.commit({ writes });
    this.#stacks.set(saved.uuid, saved);
    if (definition) this.#definitions.set(definitionKey(stack, definition.revision), definition.value);
    if (told) this.#notified.set(stack.uuid, stack.eventsWritten);
    if (events.length > 0) this.onEvents(stack.uuid);
    return saved;
  }

  /** How many events the topics of a stack have been told; `undefined` when it never had one. */
  notified(uuid: string): number | undefined {
    return this.#notified.get(uuid);
  }

  /** JSON of a stack's properties without what no answer may show. */
  masked(stack: Stack, json: string): string {
    return mask(json, this.#secrets(stack));
  }

  /** A message about a stack without the same: services repeat what they were given in what they refuse. */
  maskedText(stack: Stack, text: string): string {
    const secrets = this.#secrets(stack);
    return maskText(text, [...secrets, ...secrets.map(inJson)]);
  }

  async saveNotified(uuid: string, count: number): Promise<void> {
    await this.#records.commit({ writes: [put(SPACES.notified, uuid, count)] });
    this.#notified.set(uuid, count);
  }

  /** Values that no event may show, of every definition the stack still has. */
  #secrets(stack: Stack): readonly string[] {
    const revisions = Array.from({ length: stack.revisionsUsed }, (_, index) => index + 1);
    const given = Object.values(stack.resources).filter(({ noEcho }) => noEcho);
    return [
      ...revisions.flatMap((revision) => secretsOf(this.definition(stack, revision))),
      ...given.flatMap(({ attributes }) =>
        Object.values(attributes).filter((value) => typeof value === 'string' && value !== ''),
      ),
    ] as readonly string[];
  }

  async saveChangeSet(changeSet: ChangeSet): Promise<void> {
    await this.#records.commit({ writes: [put(SPACES.changeSets, changeSet.id, changeSet)] });
    this.#changeSets.set(changeSet.id, changeSet);
  }

  async deleteChangeSets(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#records.commit({ writes: ids.map((id) => remove(SPACES.changeSets, id)) });
    for (const id of ids) this.#changeSets.delete(id);
  }

  /** Forgets a stack and everything about it. */
  async forget(stack: Stack): Promise<void> {
    const revisions = Array.from({ length: stack.revisionsUsed }, (_, index) => index + 1);
    const first = Math.max(0, stack.eventsWritten - CLOUDFORMATION_LIMITS.eventsPerStackMax);
    const events = Array.from({ length: stack.eventsWritten - first }, (_, index) => first + index);
    const writes = [
      remove(SPACES.stacks, stack.uuid),
      remove(SPACES.notified, stack.uuid),
      ...revisions.map((revision) => remove(SPACES.definitions, definitionKey(stack, revision))),
      ...events.map((sequence) => remove(SPACES.events, eventKey(stack, sequence))),
    ];
    await this.#records.commit({ writes });
    this.#stacks.delete(stack.uuid);
    this.#notified.delete(stack.uuid);
    for (const revision of revisions) this.#definitions.delete(definitionKey(stack, revision));
  }

  /** Forgets definitions that no rollback can need any more. */
  async dropDefinitions(stack: Stack): Promise<void> {
    const old = Array.from({ length: stack.revisionsUsed }, (_, index) => index + 1).filter(
      (revision) =>
        revision !== stack.revision &&
        revision !== stack.suspended?.revision &&
        this.#definitions.has(definitionKey(stack, revision)),
    );
    if (old.length === 0) return;
    const keys = old.map((revision) => definitionKey(stack, revision));
    await this.#records.commit({ writes: keys.map((key) => remove(SPACES.definitions, key)) });
    for (const key of keys) this.#definitions.delete(key);
  }

  /** Events of a stack before `sequence` (exclusive; absent is the newest), newest first. */
  async events(stack: Stack, before: number | undefined, limit: number): Promise<readonly StackEvent[]> {
    const entries = await this.#records.range(SPACES.events, {
      from: Buffer.from(eventKey(stack, 0)),
      to: Buffer.from(eventKey(stack, before ?? stack.eventsWritten)),
      reverse: true,
      limit,
    });
    return entries.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as StackEvent);
  }

  /** Events of a stack from `sequence` on, oldest first. */
  async eventsFrom(stack: Stack, sequence: number, limit: number): Promise<readonly StackEvent[]> {
    const entries = await this.#records.range(SPACES.events, {
      from: Buffer.from(eventKey(stack, sequence)),
      to: Buffer.from(eventKey(stack, stack.eventsWritten)),
      limit,
    });
    return entries.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as StackEvent);
  }
}

/** Marks fresh records with the format, and refuses a newer one by name. */
async function checkFormat(records: Records): Promise<void> {
  const entry = await records.get(FORMAT_SPACE, Buffer.from(FORMAT_KEY));
  const found = entry && Number(Buffer.from(entry.value).toString());
  if (found === undefined) await records.commit({ writes: [put(FORMAT_SPACE, FORMAT_KEY, FORMAT)] });
  else if (found < FORMAT) await records.commit({ writes: [put(FORMAT_SPACE, FORMAT_KEY, FORMAT)] });
  else if (found > FORMAT) {
    throw new Error(
      `stacks were written in format ${found}; this version of Millrace reads format ${FORMAT}: start a newer one`,
    );
  }
}

/** Non-empty values of `NoEcho` parameters, those of lists item by item. */
function secretsOf(definition: Definition | undefined): readonly string[] {
  if (!definition) return [];
  const { parameters } = templateOf(definition);
  return Object.entries({ ...definition.parameters, ...definition.stored })
    .filter(([name]) => isNoEcho(parameters[name]))
    .flatMap(([name, text]) => [text, parameterValue(parameters[name]!, text)].flat())
    .filter((value): value is string => typeof value === 'string' && value !== '');
}

function withoutSecrets(event: NewEvent, secrets: readonly string[]): NewEvent {
  if (event.properties === undefined || secrets.length === 0) return event;
  return { ...event, properties: mask(event.properties, secrets) };
}

function mask(json: string, secrets: readonly string[]): string {
  return maskText(json, secrets.map(inJson));
}

/** As it stands inside JSON text. */
const inJson = (secret: string) => JSON.stringify(secret).slice(1, -1);

/** Longer ones first: one may be a part of another. */
function maskText(text: string, secrets: readonly string[]): string {
  const ordered = [...secrets].sort((a, b) => b.length - a.length);
  return ordered.reduce((rest, secret) => rest.replaceAll(secret, MASKED), text);
}

const definitionKey = (stack: Stack, revision: number) => `${stack.uuid}/${revision}`;

/** Ten digits keep the order of numbers as text. */
const eventKey = (stack: Stack, sequence: number) => `${stack.uuid}/${String(sequence).padStart(10, '0')}`;

/** Writes an event, and lets the oldest go when there are too many. */
function eventWrites(stack: Stack, sequence: number, event: NewEvent, at: number): readonly Write[] {
  const time = new Date(at).toISOString();
  const id =
    event.type === 'AWS::CloudFormation::Stack'
      ? `${stack.uuid}-${sequence}`
      : `${event.logicalId}-${event.status}-${time}`;
  const full: StackEvent = { ...event, id, stackId: stack.id, stackName: stack.name, at };
  const expired = sequence - CLOUDFORMATION_LIMITS.eventsPerStackMax;
  return [
    put(SPACES.events, eventKey(stack, sequence), full),
    ...(expired >= 0 ? [remove(SPACES.events, eventKey(stack, expired))] : []),
  ];
}

function put(space: string, key: string, value: unknown): Write {
  return { kind: 'put', space, key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)) };
}

function remove(space: string, key: string): Write {
  return { kind: 'delete', space, key: Buffer.from(key) };
}
