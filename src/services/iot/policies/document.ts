import {
  type Condition,
  parseConditions,
  parseTemplate,
  resolvePattern,
  type Template,
} from '../../../codec/policies/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';

/** What devices are asked about. */
export type DeviceAction = 'Connect' | 'Publish' | 'RetainPublish' | 'Receive' | 'Subscribe';

export const DEVICE_ACTIONS: readonly DeviceAction[] = ['Connect', 'Publish', 'RetainPublish', 'Receive', 'Subscribe'];

export interface Statement {
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  /** Of the device's actions, those that it is about. */
  readonly actions: ReadonlySet<DeviceAction>;
  /** As they are written, for people. */
  readonly actionTexts: readonly string[];
  readonly resources: readonly Template[];
  /** `NotResource`: about everything but them. */
  readonly isNotResource: boolean;
  readonly conditions: readonly Condition[];
}

/** A policy document, parsed once. */
export interface PolicyDocument {
  readonly statements: readonly Statement[];
}

const VERSIONS = ['2012-10-17', '2008-10-17'];

/** @throws IotError malformed-policy  says what is wrong with it */
export function parsePolicyDocument(text: string): PolicyDocument {
  if (Buffer.byteLength(text.replace(/\s+/g, '')) > IOT_LIMITS.policyBytesMax) {
    throw malformed(`Policy document is longer than ${IOT_LIMITS.policyBytesMax} bytes, white space not counted.`);
  }
  const document = objectOf(parseJson(text), 'A policy document');
  onlyKeys(document, ['Version', 'Id', 'Statement'], 'A policy document');
  const { Version = '2008-10-17', Statement } = document;
  if (!VERSIONS.includes(Version as string)) throw malformed(`Version must be one of ${VERSIONS.join(', ')}.`);
  if (Statement === undefined) throw malformed('A policy document has a Statement.');
  const list = Array.isArray(Statement) ? Statement : [Statement];
  if (list.length === 0) throw malformed('A policy document has at least one statement.');
  const hasVariables = Version === '2012-10-17';
  return { statements: list.map((one, index) => parseStatement(one, `Statement ${index + 1}`, hasVariables)) };
}

function parseStatement(value: unknown, where: string, hasVariables: boolean): Statement {
  const statement = objectOf(value, where);
  const known = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];
  onlyKeys(statement, known, where);
  const { Sid, Effect, Condition: given } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') throw malformed(`${where}: Effect is Allow or Deny.`);
  if (Sid !== undefined && typeof Sid !== 'string') throw malformed(`${where}: Sid is a text.`);
  const [actionTexts, isNotAction] = oneOf(statement, 'Action', 'NotAction', where);
  const [resourceTexts, isNotResource] = oneOf(statement, 'Resource', 'NotResource', where);
  try {
    return {
      sid: Sid,
      effect: Effect,
      actions: actionsOf(actionTexts, isNotAction),
      actionTexts,
      resources: resourceTexts.map((text) => parseTemplate(text, hasVariables)),
      isNotResource,
      conditions: parseConditions(given, hasVariables),
    };
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(`${where}: ${error.message}.`);
    throw error;
  }
}

/** Action names are compared without case, as IAM does. */
function actionsOf(texts: readonly string[], isNot: boolean): ReadonlySet<DeviceAction> {
  const patterns = texts.map((text) => {
    if (text !== '*' && !/^[a-z0-9-]+:[a-z0-9*?]+$/i.test(text)) throw new SyntaxError(`${text} is no action`);
    // Not a regular expression: a row of stars would keep it busy for ever.
    return resolvePattern(parseTemplate(text.toLowerCase(), false), () => undefined)!;
  });
  const named = (action: DeviceAction) => patterns.some((pattern) => pattern.matches(`iot:${action.toLowerCase()}`));
  return new Set(DEVICE_ACTIONS.filter((action) => named(action) !== isNot));
}

/** A text or texts under one of two names, and whether it was the second; exactly one must be there. */
function oneOf(statement: Record<string, unknown>, name: string, not: string, where: string): [string[], boolean] {
  const isNot = statement[not] !== undefined;
  if (isNot === (statement[name] !== undefined)) throw malformed(`${where} has either ${name} or ${not}.`);
  const value = statement[isNot ? not : name];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const isText = (one: unknown): one is string => typeof one === 'string' && one !== '';
  if (list.length === 0 || !list.every(isText)) throw malformed(`${where}: ${name} is a text or a list of texts.`);
  return [list, isNot];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new IotError('malformed-policy', 'Policy document is not valid JSON.', { cause: error });
  }
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${what} is an object.`);
  return value as Record<string, unknown>;
}

/** A misspelt `Condition` that is passed over would allow more than was meant. */
function onlyKeys(object: Record<string, unknown>, known: readonly string[], what: string): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown !== undefined) throw malformed(`${what} has no member ${unknown}.`);
}

function malformed(message: string): IotError {
  return new IotError('malformed-policy', message);
}
