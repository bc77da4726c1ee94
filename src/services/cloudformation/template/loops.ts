import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { evaluate, isKnown, type Scope } from './evaluate.ts';
import { isLoop } from './loop-keys.ts';
import { isObject, type Json, type JsonObject } from './value.ts';

/** Sections that may have loops. */
const LOOPING = ['Conditions', 'Resources', 'Outputs'];

/** Attributes of resources that the extensions let functions compute. */
const COMPUTED = ['DeletionPolicy', 'UpdateReplacePolicy'];

/**
 * What `AWS::LanguageExtensions` adds beside the functions that are built in: `Fn::ForEach`, and deletion policies that parameters
 * decide. Loops multiply: what they make may not be larger than a template.
 *
 * @param scope  knows parameters and mappings
 * @throws validation
 */
export function runExtensions(source: JsonObject, scope: Scope): JsonObject {
  const budget = { left: CLOUDFORMATION_LIMITS.templateBytesMax };
  const expanded = Object.fromEntries(
    Object.entries(source).map(([name, value]) => [
      name,
      LOOPING.includes(name) ? unroll(value, scope, {}, budget) : value,
    ]),
  );
  if (!isObject(expanded.Resources)) return expanded;
  const resources = Object.entries(expanded.Resources).map(([id, value]) => [id, withPolicies(value, scope)]);
  return { ...expanded, Resources: Object.fromEntries(resources) };
}

function withPolicies(resource: Json, scope: Scope): Json {
  if (!isObject(resource)) return resource;
  const computed = COMPUTED.filter((name) => isObject(resource[name])).map((name) => [
    name,
    evaluate(resource[name]!, scope, '/Resources') as Json,
  ]);
  return computed.length === 0 ? resource : { ...resource, ...Object.fromEntries(computed) };
}

interface Budget {
  left: number;
}

type Names = Readonly<Record<string, string>>;

function unroll(value: Json, scope: Scope, names: Names, budget: Budget): Json {
  if (typeof value === 'string') return spend(replaceNames(value, names), budget);
  if (Array.isArray(value)) return value.map((item) => unroll(item as Json, scope, names, budget));
  if (!isObject(value)) return value;
  if (Object.keys(value).length === 1 && typeof value.Ref === 'string' && Object.hasOwn(names, value.Ref)) {
    return spend(names[value.Ref]!, budget);
  }
  const members: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) {
    const made = isLoop(key)
      ? loop(key, member, scope, names, budget)
      : { [spend(replaceNames(key, names), budget)]: unroll(member, scope, names, budget) };
    for (const [name, one] of Object.entries(made)) {
      if (Object.hasOwn(members, name)) throw failed(`Fn::ForEach makes the key ${name} twice`);
      members[name] = one;
    }
  }
  return members;
}

function loop(key: string, argument: Json, scope: Scope, names: Names, budget: Budget): Record<string, Json> {
  if (!Array.isArray(argument) || argument.length !== 3 || typeof argument[0] !== 'string' || !isObject(argument[2])) {
    throw failed(`Fn::ForEach layout is incorrect: ${key}`);
  }
  const [identifier, collection, fragment] = argument as unknown as readonly [string, Json, JsonObject];
  const made: Record<string, Json> = {};
  for (const item of itemsOf(key, collection, scope, names)) {
    const inner = { ...names, [identifier]: item };
    for (const [name, one] of Object.entries(unroll(fragment, scope, inner, budget) as JsonObject)) {
      if (Object.hasOwn(made, name)) throw failed(`Fn::ForEach makes the key ${name} twice: ${key}`);
      made[name] = one;
    }
  }
  return made;
}

function itemsOf(key: string, collection: Json, scope: Scope, names: Names): readonly string[] {
  const written = unroll(collection, scope, names, { left: Number.POSITIVE_INFINITY });
  const value = evaluate(written, scope, '/Resources');
  if (value === undefined || !isKnown(value) || !Array.isArray(value) || !value.every(isScalar)) {
    throw failed(`Fn::ForEach collection must be a list of texts: ${key}`);
  }
  return value.map(String);
}

const isScalar = (item: unknown) => typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean';

/** `${Name}` is replaced, `&{Name}` by its letters and digits alone. */
function replaceNames(text: string, names: Names): string {
  return text.replace(/([$&])\{([^{}!]+)\}/g, (whole, kind: string, name: string) => {
    const value = Object.hasOwn(names, name) ? names[name]! : undefined;
    if (value === undefined) return whole;
    return kind === '$' ? value : value.replace(/[^A-Za-z0-9]/g, '');
  });
}

function spend(text: string, budget: Budget): string {
  budget.left -= text.length;
  if (budget.left < 0) {
    throw failed(
      `the template is larger than ${CLOUDFORMATION_LIMITS.templateBytesMax} bytes once its loops are unrolled`,
    );
  }
  return text;
}

function failed(message: string): Error {
  return invalid(`Transform AWS::LanguageExtensions failed with: ${message}`);
}
