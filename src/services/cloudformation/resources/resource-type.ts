import { DomainError, hasCode } from '../../../base/index.ts';
import { isConflict, isNotFound } from '../calls.ts';
import type { StackIdentity } from '../template/program.ts';
import type { Json, JsonObject } from '../template/value.ts';
import type { Properties } from './properties.ts';

/** A resource that exists. */
export interface Made {
  /** What `Ref` gives, and what the type's own operations find it by. */
  readonly physicalId: string;
  /** What `Fn::GetAtt` gives, by attribute. */
  readonly attributes: Readonly<Record<string, Json>>;
  /** What it gives must not be shown in events. */
  readonly noEcho?: boolean;
}

/** Properties that say which one of its type a resource is. */
export type Identifier = Readonly<Record<string, string>>;

/** How a resource that is there already comes under a stack. */
export interface Importable {
  /** Properties that name one, in AWS's order. */
  readonly identifiers: readonly string[];
  /** What else of the template it takes to find it. */
  readonly needs?: readonly string[];
  /**
   * Finds it by what both name. Its physical id is the one that the type's own `create` would have given, however it was named.
   *
   * @throws what the service says where there is none
   */
  find(named: Identifier, work: Reading): Promise<Made>;
}

export interface Existing extends Made {
  /** As it was last made or changed. */
  readonly properties: JsonObject;
}

/** A question that somebody outside answers, by a request to its URL; see `stacks/answers.ts`. It outlives a crash. */
export interface Question {
  readonly id: string;
  /** It has gone out under this URL, before a crash. */
  readonly sent: boolean;
  /** Tells that it has gone out. */
  markSent(): Promise<void>;
  /** Where functions in their sandboxes PUT the answer. */
  readonly url: string;
  answers(): readonly { readonly id: string; readonly body: Json }[];
  /**
   * Waits until `enough` gives something; `undefined` when the time is over.
   * @param options.evenIfGivenUp  who is asked is at work, and what it is making is known by its answer alone
   * @throws when the deployment is given up
   */
  wait<T>(
    enough: (answers: readonly { readonly id: string; readonly body: Json }[]) => T | undefined,
    options?: { readonly evenIfGivenUp?: boolean },
  ): Promise<T | undefined>;
}

/** What a nested stack is made from. */
export interface NestedRequest {
  readonly templateUrl: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags?: Json;
  readonly notificationArns?: readonly string[];
  /** How long its creation may take. */
  readonly timeoutMinutes?: number;
}

/** Stacks below the one that is worked on. Each call waits for what it begins, and can be made again after a crash. */
export interface NestedStacks {
  /** @throws when it cannot be made; it stands then, rolled back */
  create(name: string, request: NestedRequest, made: (id: string) => Promise<void>): Promise<Made>;
  /** Changes a stack, which then stands ready to be changed back until {@link NestedStacks.release}. */
  update(id: string, request: NestedRequest): Promise<Made>;
  /** Changes it back. */
  undo(id: string): Promise<Made>;
  /** Nothing will be undone any more. */
  release(id: string): Promise<void>;
  delete(id: string): Promise<void>;
}

/** What a resource is worked on with. */
export interface Work {
  readonly identity: StackIdentity;
  readonly logicalId: string;
  /** The type's name, since one row may stand for several. */
  readonly type: string;
  /** Physical name: the template's own, else one that is generated once and kept over a crash. */
  readonly name: string;
  /** True when a crash cut the same step off: what it was to make may be there already. */
  readonly resuming: boolean;
  /** @param region  where, if not where the stack is */
  call(service: string, operation: string, input: object, region?: string): Promise<any>;
  /** Tells that the resource now exists: from here on a rollback deletes it. */
  made(physicalId: string): Promise<void>;
  /** Asks again until `ready` gives true. @throws when it takes too long */
  until(what: string, ready: () => Promise<boolean>): Promise<void>;
  /** The step's question to somebody outside, stored before it resolves; the same one after a crash. One whose URL has been given
   * out already is named by that. */
  question(timeoutMs: number, handle?: string): Promise<Question>;
  readonly nested: NestedStacks;
}

/** How one type of resource is made, changed and deleted: one row of the table of types. */
/** What looks at resources, and changes none. */
export type Reading = Pick<Work, 'identity' | 'call'>;

export interface ResourceType {
  readonly properties: Properties;
  /** It takes any other property too. */
  readonly open?: boolean;
  /** It gives attributes that nobody knows before; what such a name may be, and what to say when it is not there. */
  readonly given?: { readonly names: RegExp; missing(name: string, id: string, existing: Existing): string };
  /** Every update of the stack updates it: what it is made from may have changed behind an unchanged name. */
  readonly updatesAlways?: boolean;
  /** Properties that AWS has and we refuse by name, before anything is made. */
  readonly notBuilt?: readonly string[];
  /** Names that `Fn::GetAtt` knows. */
  readonly attributes: readonly string[];
  /** Where the physical name stands, and the names it may have; absent where the service gives ids. */
  readonly naming?: {
    readonly property: string;
    /** Property that says within what the name is taken; absent where it is within the region. */
    readonly within?: string;
    readonly lengthMax: number;
    readonly style?: 'lower' | 'underscore';
    /** What generated names end with. */
    readonly suffix?: (properties: JsonObject) => string;
  };
  /** Absent where AWS imports none of it. */
  readonly imports?: Importable;
  create(properties: JsonObject, work: Work): Promise<Made>;
  /** Absent when every property replaces. */
  update?(existing: Existing, properties: JsonObject, work: Work): Promise<Made>;
  /** Goes back to what an update found; `update` unless said. */
  restore?(existing: Existing, properties: JsonObject, work: Work): Promise<Made>;
  /** The update of the stack is over: nothing will be undone any more. */
  release?(existing: Existing, work: Pick<Work, 'nested'>): Promise<void>;
  /** Deleting what is gone is no error. */
  delete(existing: Existing, work: Work): Promise<void>;
}

/**
 * Creates by name. After a crash the thing may stand there already: its name was settled before the first try, so it is ours.
 * (A name of the template's own that someone else took before could be mistaken for ours only if the crash fell into the very
 * call that would have been refused.)
 */
export async function createOrAdopt(work: Work, create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!work.resuming || !isConflict(error)) throw error;
  }
}

/** Says what services say that answer otherwise where there is nothing. */
export function nothingThere(): DomainError<'NotFound'> {
  return new DomainError('NotFound', 'it is not there');
}

/** Runs a deletion; gone already is fine. */
export async function ignoreMissing(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Whether `read` finds nothing. */
export async function isGone(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await read();
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/**
 * Where a service gives whoever asks what is there already: refuses to take over a thing that has a name of the template's own, since a
 * rollback, or the end of an update that has moved it to another logical id, would take it away.
 *
 * @param read  finds it; after a crash it may be the step's own
 * @throws AlreadyExists
 */
export async function requireFree(work: Work, read: () => Promise<unknown>): Promise<void> {
  if (work.resuming || (await isGone(read))) return;
  throw new DomainError('AlreadyExists', `${work.name} already exists`);
}

/** Sets or takes away tags. They are labels: a service that has no tags yet must not stop a stack. */
export async function label(tag: () => Promise<unknown>): Promise<void> {
  try {
    await tag();
  } catch (error) {
    if (!hasCode(error, 'NotImplemented')) throw error;
  }
}
