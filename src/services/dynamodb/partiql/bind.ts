import { DynamodbError, invalid } from '../errors.ts';
import { Bindings } from '../expressions/bindings.ts';
import { kept } from '../expressions/cache.ts';
import { type BoundCondition, type CompiledCondition, compileNode } from '../expressions/condition.ts';
import { type BoundUpdate, type CompiledUpdate, compileClauses } from '../expressions/update.ts';
import type { Attributes, AttributeValue } from '../model/attribute-value.ts';
import { canonicalNumber } from '../model/number.ts';
import { checkedValue, typeOf } from '../model/values.ts';
import { parseStatement } from './parser.ts';
import type { Action, Statement, ValueTemplate } from './statement.ts';

/** A statement with its parameters. */
export interface BoundStatement {
  readonly action: Action;
  readonly bindings: Bindings;
  readonly where?: BoundCondition;
  readonly update?: BoundUpdate;
  /** What `INSERT` puts. */
  readonly item?: Attributes;
}

interface Prepared {
  readonly statement: Statement;
  readonly where?: CompiledCondition;
  readonly update?: CompiledUpdate;
}

const prepare = kept((text, parameter: 'Statement'): Prepared => {
  const statement = parseStatement(text, parameter);
  const { action } = statement;
  const where = 'where' in action && action.where && compileNode(action.where, parameter);
  const update = action.kind === 'update' && compileClauses(action.clauses, parameter);
  return { statement, ...(where && { where }), ...(update && { update }) };
});

/**
 * Reads a statement: all that is wrong with it, whatever its table is.
 * @throws DynamodbError `validation-failed`, as AWS words it
 */
export function bindStatement(text: string, parameters: readonly AttributeValue[] = []): BoundStatement {
  const { statement, where, update } = prepare(text, 'Statement');
  if (parameters.length !== statement.parameters)
    throw invalid("Number of parameters in request and statement don't match.");
  const given = parameters.map(checkedValue);
  const { action } = statement;
  const values = Object.entries(statement.values).map(([ref, template]) => [ref, resolved(template, given)] as const);
  const bindings = new Bindings(statement.names, Object.fromEntries(values));
  if (action.kind === 'update') checkSets(action.clauses, bindings);
  return {
    action,
    bindings,
    ...(where && { where: where.bind(bindings) }),
    ...(update && { update: update.bind(bindings) }),
    ...(action.kind === 'insert' && { item: itemOf(action.value, given) }),
  };
}

/** Each attribute is a value of its own, whose errors begin with `root`. */
function itemOf(template: ValueTemplate, parameters: readonly AttributeValue[]): Attributes {
  if (template.kind === 'map')
    return Object.fromEntries(template.members.map(([name, member]) => [name, resolved(member, parameters)]));
  const value = resolved(template, parameters);
  if ('M' in value) return value.M;
  throw invalid('Unsupported data type under key root: an item must be a map');
}

/** What came by a parameter may be of any type. */
function checkSets(clauses: Extract<Action, { kind: 'update' }>['clauses'], bindings: Bindings): void {
  for (const { action, ...clause } of clauses) {
    if (action !== 'ADD' && action !== 'DELETE') continue;
    const { value } = clause as { value: { ref: string } };
    if (['SS', 'NS', 'BS'].includes(typeOf(bindings.value(value.ref, 'Statement')))) continue;
    throw invalid(`The second argument to SET_${action} must be a value with type SET`);
  }
}

function resolved(template: ValueTemplate, parameters: readonly AttributeValue[]): AttributeValue {
  return checkedValue(templateValue(template, parameters, 'root'));
}

/** @param path  where in the value it stands, as AWS's errors show it */
function templateValue(template: ValueTemplate, parameters: readonly AttributeValue[], path: string): AttributeValue {
  switch (template.kind) {
    case 'parameter':
      return parameters[template.at]!;
    case 'string':
      return { S: template.text };
    case 'number':
      return { N: numberAt(template.text, path) };
    case 'boolean':
      return { BOOL: template.value };
    case 'null':
      return { NULL: true };
    case 'list':
      return { L: template.members.map((member, at) => templateValue(member, parameters, `${path}[${at}]`)) };
    case 'map': {
      const members = template.members.map(
        ([name, member]) => [name, templateValue(member, parameters, `${path}.${name}`)] as const,
      );
      return { M: Object.fromEntries(members) };
    }
    case 'set':
      return setOf(
        template.members.map((member, at) => templateValue(member, parameters, `${path}[${at}]`)),
        path,
      );
  }
}

function numberAt(text: string, path: string): string {
  try {
    return canonicalNumber(text);
  } catch (error) {
    if (!(error instanceof DynamodbError)) throw error;
    throw invalid(`${error.message} under ${path}`);
  }
}

function setOf(members: readonly AttributeValue[], path: string): AttributeValue {
  const strings = members.flatMap((member) => ('S' in member ? [member.S] : []));
  if (strings.length === members.length) return { SS: strings };
  const numbers = members.flatMap((member) => ('N' in member ? [member.N] : []));
  if (numbers.length === members.length) return { NS: numbers };
  const binaries = members.flatMap((member) => ('B' in member ? [member.B] : []));
  if (binaries.length === members.length) return { BS: binaries };
  throw invalid(`Sets must hold strings, numbers or binaries, all of one type, under key ${path}`);
}
