/*
 * What the `permissions.ts` of services are made of: a table of operations, and what each kind of resource is known by.
 *
 *     each('sqs', queue, ['SendMessage', 'ReceiveMessage'])     one right a call, of the operation's name, on what `queue` finds
 */
import type { CallPlace, Permission, PermissionsOf } from './operation.ts';

export type Conditions = NonNullable<Permission['context']>;

/** What a call is about. */
export interface Target {
  /** ARNs, or `*`. */
  readonly resources: readonly string[];
  readonly context?: Conditions | undefined;
  /** JSON text of the policy attached to it. */
  readonly policy?: string | undefined;
}

export type TargetOf<Input = any> = (input: Input, place: CallPlace) => Target;

/** Tags as services spell them: an object, or a list with `Key` or `key`. */
export type GivenTags =
  | Readonly<Record<string, string | undefined>>
  | readonly { readonly Key?: string; readonly Value?: string; readonly key?: string; readonly value?: string }[];

const ANYTHING: Target = { resources: ['*'] };

/** For actions without resource types. */
export function anything(): Target {
  return ANYTHING;
}

/** One right on what a call is about. */
export function permission(action: string, { resources, context, policy }: Target): Permission {
  return {
    action,
    resources,
    ...(context && { context }),
    ...(policy !== undefined && { resourcePolicy: policy }),
  };
}

/** Needs one right, on what `target` finds. */
export function right(action: string, target: TargetOf): PermissionsOf {
  return (input, place) => [permission(action, target(input, place))];
}

/** Operations that need the right of their own name. */
export function each(service: string, target: TargetOf, operations: readonly string[]): Record<string, PermissionsOf> {
  return Object.fromEntries(operations.map((name) => [name, right(`${service}:${name}`, target)]));
}

/** Operations that need nothing. */
export function free(operations: readonly string[]): Record<string, PermissionsOf> {
  const NONE: readonly Permission[] = [];
  return Object.fromEntries(operations.map((name) => [name, () => NONE]));
}

/** Needs `first`, and what `more` says of the call. */
export function both(first: PermissionsOf, more: PermissionsOf): PermissionsOf {
  return (input, place) => {
    const and = (own: readonly Permission[]) => {
      const others = more(input, place);
      return others instanceof Promise ? others.then((found) => own.concat(found)) : own.concat(others);
    };
    const own = first(input, place);
    return own instanceof Promise ? own.then(and) : and(own);
  };
}

/** Something that may be made with tags: then the right to tag it is needed too. */
export function madeWithTags(
  create: string,
  tag: string,
  target: TargetOf,
  tagsOf: (input: any) => GivenTags | undefined,
): PermissionsOf {
  return (input, place) => {
    const given = requestTags(tagsOf(input));
    const found = target(input, place);
    const about = given ? { ...found, context: { ...found.context, ...given } } : found;
    return given ? [permission(create, about), permission(tag, about)] : [permission(create, about)];
  };
}

/** What a call is about that gives tags or takes them away, in members called `Tags` and `TagKeys` unless said otherwise. */
export function tagging(
  target: TargetOf,
  given: (input: any) => { readonly tags?: GivenTags | undefined; readonly keys?: readonly string[] | undefined } = (
    input,
  ) => ({ tags: input.Tags, keys: input.TagKeys }),
): TargetOf {
  return (input, place) => {
    const found = target(input, place);
    const { tags, keys } = given(input);
    return { ...found, context: { ...found.context, ...requestTags(tags), ...tagKeys(keys) } };
  };
}

/** `aws:RequestTag/KEY` and `aws:TagKeys`; `undefined` where a call gives no tags. */
export function requestTags(given: GivenTags | undefined): Conditions | undefined {
  const pairs = pairsOf(given);
  if (pairs.length === 0) return undefined;
  return {
    ...Object.fromEntries(pairs.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    'aws:TagKeys': pairs.map(([key]) => key),
  };
}

/** `aws:ResourceTag/KEY`; `undefined` for what has no tags. @param prefix  what the service calls it beside */
export function resourceTags(tags: GivenTags | undefined, prefix?: string): Conditions | undefined {
  const pairs = pairsOf(tags);
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(
    pairs.flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      ...(prefix === undefined ? [] : [[`${prefix}${key}`, value]]),
    ]),
  ) as Conditions;
}

function tagKeys(keys: readonly string[] | undefined): Conditions | undefined {
  return keys && keys.length > 0 ? { 'aws:TagKeys': keys } : undefined;
}

function pairsOf(tags: GivenTags | undefined): readonly (readonly [string, string])[] {
  if (!tags) return [];
  if (!Array.isArray(tags)) return Object.entries(tags).map(([key, value]) => [key, value ?? '']);
  return tags.map((one) => [one.Key ?? one.key ?? '', one.Value ?? one.value ?? '']);
}
