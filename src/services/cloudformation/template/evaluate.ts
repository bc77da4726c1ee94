import { invalid } from '../errors.ts';
import { subnets } from './cidr.ts';
import type { Template } from './template.ts';
import { asIntrinsic, isObject, type Json, type JsonObject, sameJson } from './value.ts';

/** Stands for a value that will be known only once a resource is made; whatever is computed from it is unknown too. */
export const UNKNOWN: unique symbol = Symbol('unknown');

/** `AWS::NoValue`: the member or item that has it goes. */
const NO_VALUE: unique symbol = Symbol('AWS::NoValue');

type Outcome = Value | typeof NO_VALUE;

/** JSON in which parts may be unknown. */
export type Value = Json | typeof UNKNOWN | readonly Value[] | { readonly [key: string]: Value };

/** Where names in a template lead to. */
export interface Scope {
  readonly template: Template;
  /** Parameters and pseudo parameters: `undefined` when `name` is none. */
  parameter(name: string): Json | undefined;
  /** What `Ref` of a resource gives; `undefined` when there is no such resource (or its condition is false). */
  ref(logicalId: string): Value | undefined;
  /** @throws validation when the type has no such attribute */
  attribute(logicalId: string, attribute: string): Value | undefined;
  condition(name: string): boolean;
  importValue(name: string): Json;
  readonly region: string;
}

/**
 * Computes a value: every intrinsic function in it is replaced by what it gives.
 *
 * @param where  for messages: `/Resources/Fn/Properties`
 * @returns `undefined` when the whole value is `AWS::NoValue`
 */
export function evaluate(value: Json, scope: Scope, where: string): Value | undefined {
  const result = compute(value, scope, where);
  return result === NO_VALUE ? undefined : result;
}

function compute(value: Json, scope: Scope, where: string): Outcome {
  if (Array.isArray(value)) return computeList(value, scope, where);
  if (!isObject(value)) return value;
  const intrinsic = asIntrinsic(value);
  const evaluator = intrinsic && FUNCTIONS[intrinsic.name];
  if (intrinsic && evaluator) return evaluator(intrinsic.argument, scope, where);
  if (intrinsic?.name.startsWith('Fn::')) {
    throw invalid(`Template error: ${intrinsic.name} is not supported in ${where}`);
  }
  return computeMembers(value, scope, where);
}

function computeList(list: readonly Json[], scope: Scope, where: string): readonly Value[] {
  return list.map((item) => compute(item, scope, where)).filter((item) => item !== NO_VALUE);
}

function computeMembers(value: JsonObject, scope: Scope, where: string): Value {
  const members: [string, Value][] = [];
  for (const [key, member] of Object.entries(value)) {
    const result = compute(member, scope, where);
    if (result !== NO_VALUE) members.push([key, result]);
  }
  return Object.fromEntries(members);
}

type Intrinsic = (argument: Json, scope: Scope, where: string) => Outcome;

const FUNCTIONS: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, scope, where) => resolveRef(text(argument, 'Ref'), scope, where),
  'Fn::GetAtt': (argument, scope, where) => getAtt(argument, scope, where),
  'Fn::Sub': sub,
  'Fn::Join': join,
  'Fn::Select': select,
  'Fn::Split': split,
  'Fn::If': (argument, scope, where) => compute(chooseBranch(argument, scope), scope, where),
  'Fn::Equals': (argument, scope) => evaluateCondition({ 'Fn::Equals': argument }, scope),
  'Fn::And': (argument, scope) => evaluateCondition({ 'Fn::And': argument }, scope),
  'Fn::Or': (argument, scope) => evaluateCondition({ 'Fn::Or': argument }, scope),
  'Fn::Not': (argument, scope) => evaluateCondition({ 'Fn::Not': argument }, scope),
  'Fn::FindInMap': findInMap,
  'Fn::Base64': (argument, scope, where) =>
    whenKnown(compute(argument, scope, where), (value) => Buffer.from(String(value)).toString('base64')),
  'Fn::ImportValue': (argument, scope, where) =>
    whenKnown(compute(argument, scope, where), (name) => scope.importValue(text(name, 'Fn::ImportValue'))),
  'Fn::GetAZs': (argument, scope, where) =>
    whenKnown(compute(argument, scope, where), (region) =>
      ['a', 'b', 'c'].map((zone) => `${region === '' ? scope.region : String(region)}${zone}`),
    ),
  'Fn::Cidr': cidr,
  'Fn::Length': (argument, scope, where) =>
    whenKnown(compute(argument, scope, where), (list) => {
      if (!Array.isArray(list)) throw invalid('Template error: Fn::Length requires a list');
      return list.length;
    }),
  'Fn::ToJsonString': (argument, scope, where) =>
    whenKnown(compute(argument, scope, where), (value) => JSON.stringify(value)),
};

function resolveRef(name: string, scope: Scope, where: string): Outcome {
  if (name === 'AWS::NoValue') return NO_VALUE;
  const parameter = scope.parameter(name);
  if (parameter === undefined && where === '/Conditions' && Object.hasOwn(scope.template.resources, name)) {
    throw invalid(
      `Template format error: Unresolved dependencies [${name}]. Cannot reference resources in the Conditions block of the template`,
    );
  }
  const value = parameter ?? scope.ref(name);
  if (value === undefined) throw unresolved([name], where);
  return value;
}

/** AWS names the block rather than the place in it. */
export function unresolved(names: readonly string[], where: string): Error {
  const block = where.split('/')[1] ?? 'Resources';
  return invalid(
    `Template format error: Unresolved resource dependencies [${names.join(', ')}] in the ${block} block of the template`,
  );
}

function getAtt(argument: Json, scope: Scope, where: string): Outcome {
  const { logicalId, attribute } = attributeOf(argument);
  const name = compute(attribute, scope, where);
  if (typeof name !== 'string')
    throw invalid(
      'Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute',
    );
  const value = scope.attribute(logicalId, name);
  if (value === undefined)
    throw invalid(`Template error: instance of Fn::GetAtt references undefined resource ${logicalId}`);
  return value;
}

/** Both spellings: `["Resource", "Attribute"]` and `"Resource.Attribute"`. */
export function attributeOf(argument: Json): { readonly logicalId: string; readonly attribute: Json } {
  const parts = typeof argument === 'string' ? splitOnce(argument) : argument;
  if (Array.isArray(parts) && parts.length === 2 && typeof parts[0] === 'string') {
    return { logicalId: parts[0], attribute: parts[1] as Json };
  }
  throw invalid(
    'Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute',
  );
}

function splitOnce(dotted: string): readonly string[] {
  const dot = dotted.indexOf('.');
  return dot < 0 ? [dotted] : [dotted.slice(0, dot), dotted.slice(dot + 1)];
}

/** `${Name}`, `${Resource.Attribute}` and `${!Literal}` in the text of `Fn::Sub`. */
export const SUBSTITUTION = /\$\{(!?)\s*([^{}]*?)\s*\}/g;

/** The text of a `Fn::Sub` and its own variables. */
export function subParts(argument: Json): { readonly text: string; readonly variables: JsonObject } {
  const [template, variables] = Array.isArray(argument) ? argument : [argument, {}];
  if (typeof template !== 'string' || !isObject(variables) || (Array.isArray(argument) && argument.length !== 2)) {
    throw invalid(
      "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
    );
  }
  return { text: template, variables };
}

function sub(argument: Json, scope: Scope, where: string): Outcome {
  const { text: template, variables } = subParts(argument);
  let known = true;
  const result = template.replace(SUBSTITUTION, (_whole, literal: string, name: string) => {
    if (literal) return `\${${name}}`;
    const value = substitute(name, variables, scope, where);
    known &&= value !== UNKNOWN;
    return typeof value === 'symbol' ? '' : scalarText(value, 'Fn::Sub');
  });
  return known ? result : UNKNOWN;
}

function substitute(name: string, variables: JsonObject, scope: Scope, where: string): Outcome {
  if (Object.hasOwn(variables, name)) return compute(variables[name]!, scope, where);
  const dot = name.indexOf('.');
  if (dot < 0) return resolveRef(name, scope, where);
  return getAtt([name.slice(0, dot), name.slice(dot + 1)], scope, where);
}

function join(argument: Json, scope: Scope, where: string): Outcome {
  if (!Array.isArray(argument) || argument.length !== 2 || typeof argument[0] !== 'string') {
    throw invalid(
      'Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.',
    );
  }
  const delimiter = argument[0];
  return whenKnown(compute(argument[1] as Json, scope, where), (list) => {
    if (!Array.isArray(list)) throw invalid('Template error: Fn::Join requires a list of strings to be joined');
    return list.map((item) => scalarText(item, 'Fn::Join')).join(delimiter);
  });
}

function select(argument: Json, scope: Scope, where: string): Outcome {
  if (!Array.isArray(argument) || argument.length !== 2) {
    throw invalid('Template error: Fn::Select requires a list argument with two elements: an integer index and a list');
  }
  const index = compute(argument[0] as Json, scope, where);
  const list = compute(argument[1] as Json, scope, where);
  if (index === UNKNOWN || list === UNKNOWN) return UNKNOWN;
  if (!Array.isArray(list))
    throw invalid('Template error: Fn::Select requires a list argument with two elements: an integer index and a list');
  const item = list[Number(index)];
  if (!/^\d+$/.test(String(index)) || item === undefined) {
    throw invalid(`Template error: Fn::Select cannot select nonexistent value at index ${String(index)}`);
  }
  return item;
}

function split(argument: Json, scope: Scope, where: string): Outcome {
  if (!Array.isArray(argument) || argument.length !== 2 || typeof argument[0] !== 'string') {
    throw invalid(
      'Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.',
    );
  }
  const delimiter = argument[0];
  return whenKnown(compute(argument[1] as Json, scope, where), (value) => text(value, 'Fn::Split').split(delimiter));
}

function cidr(argument: Json, scope: Scope, where: string): Outcome {
  if (!Array.isArray(argument) || argument.length < 2 || argument.length > 3) {
    throw invalid(
      'Template error: every Fn::Cidr object requires two or three parameters, an IP block, the number of blocks and the host bits of each',
    );
  }
  const parts = argument.map((part) => compute(part as Json, scope, where));
  if (!parts.every((part): part is Json => part !== NO_VALUE && isKnown(part))) return UNKNOWN;
  const [block, count, bits = 8] = parts;
  return subnets(text(block, 'Fn::Cidr'), Number(count), Number(bits));
}

function findInMap(argument: Json, scope: Scope, where: string): Outcome {
  if (!Array.isArray(argument) || argument.length < 3 || argument.length > 4) {
    throw invalid(
      'Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value',
    );
  }
  const keys = argument.slice(0, 3).map((part) => compute(part as Json, scope, where));
  const [map, top, second] = keys.map(String) as [string, string, string];
  const found = scope.template.mappings[map]?.[top]?.[second];
  if (found !== undefined) return found;
  const options = argument[3] as Json;
  if (isObject(options) && options.DefaultValue !== undefined) return compute(options.DefaultValue, scope, where);
  throw invalid(`Template error: Unable to get mapping for ${map}::${top}::${second}`);
}

/** The branch that `Fn::If` takes. */
export function chooseBranch(argument: Json, scope: Pick<Scope, 'condition'>): Json {
  if (!Array.isArray(argument) || argument.length !== 3 || typeof argument[0] !== 'string') {
    throw invalid(
      'Template error: Fn::If requires a list argument with three elements: a condition name, and the values of its branches',
    );
  }
  return argument[scope.condition(argument[0]) ? 1 : 2] as Json;
}

/** The value of a condition's expression. Conditions know parameters and mappings only, never resources. */
export function evaluateCondition(expression: Json, scope: Scope): boolean {
  const intrinsic = asIntrinsic(expression);
  const operands = Array.isArray(intrinsic?.argument) ? (intrinsic.argument as readonly Json[]) : [];
  switch (intrinsic?.name) {
    case 'Condition':
      return scope.condition(text(intrinsic.argument, 'Condition'));
    case 'Fn::Equals':
      if (operands.length !== 2) throw invalid('Template error: Fn::Equals cannot be partially collapsed');
      return equals(operands, scope);
    case 'Fn::Not':
      if (operands.length !== 1) throw invalid('Template error: Fn::Not requires a list argument with one condition');
      return !evaluateCondition(operands[0]!, scope);
    case 'Fn::And':
    case 'Fn::Or':
      if (operands.length < 2 || operands.length > 10) {
        throw invalid(`Template error: ${intrinsic.name} requires a list argument with two to ten conditions`);
      }
      return intrinsic.name === 'Fn::And'
        ? operands.every((operand) => evaluateCondition(operand, scope))
        : operands.some((operand) => evaluateCondition(operand, scope));
    default:
      throw invalid(
        `Template format error: Conditions can only be boolean operations on parameters and other conditions`,
      );
  }
}

function equals(operands: readonly Json[], scope: Scope): boolean {
  const [left, right] = operands.map((operand) => compute(operand, scope, '/Conditions'));
  const plain = (value: unknown) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value);
  return sameJson(plain(left), plain(right));
}

function whenKnown(value: Outcome, then: (value: Json) => Value): Outcome {
  if (value === NO_VALUE) return NO_VALUE;
  return isKnown(value) ? then(value) : UNKNOWN;
}

/** Whether nothing in it is unknown. */
export function isKnown(value: Value): value is Json {
  if (value === UNKNOWN) return false;
  if (Array.isArray(value)) return value.every((item) => isKnown(item as Value));
  return (
    typeof value !== 'object' || value === null || Object.values(value).every((member) => isKnown(member as Value))
  );
}

function text(value: unknown, functionName: string): string {
  if (typeof value === 'string') return value;
  throw invalid(`Template error: ${functionName} requires a string, not ${JSON.stringify(value)}`);
}

function scalarText(value: unknown, functionName: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value) && functionName === 'Fn::Sub') return value.map(String).join(',');
  throw invalid(`Template error: ${functionName} can only put text, numbers and booleans together`);
}
