import { invalid } from '../errors.ts';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';

/** What an update does to a resource, as stack policies call it. */
export type PolicyAction = 'Update:Modify' | 'Update:Replace' | 'Update:Delete';

const ACTIONS = /^Update:(\*|Modify|Replace|Delete)$/;

/**
 * Checks the form of a stack policy.
 *
 * @throws validation
 * @see CloudFormation user guide, "Prevent updates to stack resources"
 */
export function checkStackPolicy(text: string): void {
  const fail = (message: string) => invalid(`Error validating stack policy: ${message}`);
  if (Buffer.byteLength(text) > CLOUDFORMATION_LIMITS.stackPolicyBytesMax) {
    throw fail(`at most ${CLOUDFORMATION_LIMITS.stackPolicyBytesMax} bytes`);
  }
  const policy = readJson(text);
  if (!isObject(policy)) throw fail('it is no JSON object');
  const statements = statementsOf(policy);
  if (statements.length === 0) throw fail('it has no Statement');
  for (const statement of statements) {
    if (!isObject(statement)) throw fail('a statement is no object');
    if (statement.Effect !== 'Allow' && statement.Effect !== 'Deny') throw fail('Effect must be Allow or Deny');
    const principal = isObject(statement.Principal) ? statement.Principal.AWS : statement.Principal;
    if (principal !== '*') throw fail("Principal must be '*'");
    const actions = textsOf(statement.Action ?? statement.NotAction);
    if (actions.length === 0 || !actions.every((action) => ACTIONS.test(action))) {
      throw fail('Action must be of Update:Modify, Update:Replace, Update:Delete and Update:*');
    }
    const resources = textsOf(statement.Resource ?? statement.NotResource);
    if (resources.length === 0 || !resources.every((one) => one === '*' || one.startsWith('LogicalResourceId/'))) {
      throw fail("Resource must be '*' or LogicalResourceId/NAME");
    }
    if (statement.Condition !== undefined && !isCondition(statement.Condition)) {
      throw fail('Condition must be StringEquals or StringLike of ResourceType');
    }
  }
}

/** Why a policy does not let a change happen; `undefined` when it does. Without a policy everything may happen. */
export function deniedByPolicy(
  policy: string | undefined,
  action: PolicyAction,
  logicalId: string,
  type: string,
): string | undefined {
  if (policy === undefined) return undefined;
  const matching = statementsOf(readJson(policy) as JsonObject)
    .map((statement, index) => ({ statement: statement as JsonObject, number: index + 1 }))
    .filter(({ statement }) => matches(statement, action, logicalId, type));
  const denial = matching.find(({ statement }) => statement.Effect === 'Deny');
  if (!denial && matching.length > 0) return undefined;
  const what = denial ? `Statement [#${denial.number}] does not allow` : 'no statement allows';
  return `Action denied by stack policy: ${what} [${action}] for resource [LogicalResourceId/${logicalId}];`;
}

function matches(statement: JsonObject, action: PolicyAction, logicalId: string, type: string): boolean {
  const { Action, NotAction, Resource, NotResource, Condition } = statement;
  const resource = `LogicalResourceId/${logicalId}`;
  const isAction = Action === undefined ? !likeAny(NotAction, action) : likeAny(Action, action);
  const isResource = Resource === undefined ? !likeAny(NotResource, resource) : likeAny(Resource, resource);
  return isAction && isResource && (Condition === undefined || meets(Condition as JsonObject, type));
}

function meets({ StringEquals, StringLike }: JsonObject, type: string): boolean {
  const equals = StringEquals === undefined || textsOf((StringEquals as JsonObject).ResourceType).includes(type);
  return equals && (StringLike === undefined || likeAny((StringLike as JsonObject).ResourceType, type));
}

function isCondition(condition: Json): boolean {
  if (!isObject(condition)) return false;
  return Object.entries(condition).every(
    ([operator, operand]) =>
      (operator === 'StringEquals' || operator === 'StringLike') &&
      isObject(operand) &&
      Object.keys(operand).join() === 'ResourceType',
  );
}

const likeAny = (patterns: Json | undefined, text: string) => textsOf(patterns).some((pattern) => like(pattern, text));

/** `*` is any text, `?` any one character. */
function like(pattern: string, text: string): boolean {
  const [head = '', ...parts] = pattern.split('*');
  const one = (part: string, at: number) =>
    at >= 0 &&
    part.length <= text.length - at &&
    [...part].every((char, index) => char === '?' || char === text[at + index]);
  if (!one(head, 0)) return false;
  if (parts.length === 0) return text.length === head.length;
  const last = parts.pop()!;
  let from = head.length;
  for (const part of parts) {
    while (!one(part, from)) if (++from > text.length) return false;
    from += part.length;
  }
  return text.length - last.length >= from && one(last, text.length - last.length);
}

function statementsOf(policy: JsonObject): readonly Json[] {
  const { Statement } = policy;
  return Statement === undefined ? [] : Array.isArray(Statement) ? (Statement as readonly Json[]) : [Statement];
}

function textsOf(value: Json | undefined): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((one): one is string => typeof one === 'string');
}

function readJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
