/*
 * Policy documents, parsed once. What a document says wrongly is refused here and nowhere else: a statement that is passed over, or a
 * misspelt `Condition` that is not read, would allow more than was meant.
 */
import { type Condition, parseConditions, parseTemplate, type Template } from '../../../codec/policies/index.ts';
import { type PrincipalElement, parsePrincipal } from './principals.ts';
import { isText } from './texts.ts';

/** A resource of a statement: as it is written where it names no variables, which needs no preparation. */
export type ResourceElement = string | Template;

/** @see IAM user guide, "IAM JSON policy element reference" */
export interface Statement {
  /** 0 is the first. */
  readonly index: number;
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  /** In lower case; names of actions are compared without it. */
  readonly actions: readonly string[];
  readonly isNotAction: boolean;
  /** `undefined` where a statement has none: those of trust policies are about the role that they hang on. */
  readonly resources: readonly ResourceElement[] | undefined;
  readonly isNotResource: boolean;
  /** `undefined` in policies of identities. */
  readonly principal: PrincipalElement | undefined;
  readonly conditions: readonly Condition[];
}

export interface Policy {
  readonly statements: readonly Statement[];
}

/** What a document is attached to decides which members its statements have. */
export type PolicyKind = 'identity' | 'resource' | 'trust';

const VERSIONS = ['2012-10-17', '2008-10-17'];
const MEMBERS = ['Sid', 'Effect', 'Action', 'NotAction', 'Condition'];
const RESOURCE_MEMBERS = ['Resource', 'NotResource'];
const PRINCIPAL_MEMBERS = ['Principal', 'NotPrincipal'];
const MEMBERS_OF: Readonly<Record<PolicyKind, readonly string[]>> = {
  identity: [...MEMBERS, ...RESOURCE_MEMBERS],
  resource: [...MEMBERS, ...RESOURCE_MEMBERS, ...PRINCIPAL_MEMBERS],
  trust: [...MEMBERS, ...PRINCIPAL_MEMBERS],
};

/** @throws SyntaxError  says what is wrong with it */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  const document = objectOf(JSON.parse(text), 'A policy document');
  onlyMembers(document, ['Version', 'Id', 'Statement'], 'A policy document');
  const { Version = '2008-10-17', Statement: given } = document;
  if (!VERSIONS.includes(Version as string)) throw new SyntaxError(`Version must be one of ${VERSIONS.join(', ')}`);
  if (given === undefined) throw new SyntaxError('A policy document has a Statement');
  const list: unknown[] = Array.isArray(given) ? given : [given];
  const hasVariables = Version === '2012-10-17';
  return { statements: list.map((one, index) => parseStatement(one, index, kind, hasVariables)) };
}

function parseStatement(value: unknown, index: number, kind: PolicyKind, hasVariables: boolean): Statement {
  const where = `Statement ${index + 1}`;
  const statement = objectOf(value, where);
  onlyMembers(statement, MEMBERS_OF[kind], where);
  const { Sid, Effect } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') throw new SyntaxError(`${where}: Effect is Allow or Deny`);
  if (Sid !== undefined && typeof Sid !== 'string') throw new SyntaxError(`${where}: Sid is a text`);
  const actions = textsOf(statement, 'Action', where);
  const resources = kind === 'trust' ? undefined : textsOf(statement, 'Resource', where);
  return {
    index,
    sid: Sid,
    effect: Effect,
    actions: actions.texts.map((text) => actionOf(text, where)),
    isNotAction: actions.isNot,
    resources: resources?.texts.map((text) => resourceOf(text, hasVariables)),
    isNotResource: resources?.isNot ?? false,
    principal: kind === 'identity' ? undefined : parsePrincipal(statement, where),
    conditions: parseConditions(statement.Condition, hasVariables),
  };
}

function actionOf(text: string, where: string): string {
  if (text === '*' || /^[a-z0-9-]+:[a-z0-9*?]+$/i.test(text)) return text.toLowerCase();
  throw new SyntaxError(`${where}: ${text} is no action`);
}

function resourceOf(text: string, hasVariables: boolean): ResourceElement {
  return hasVariables && text.includes('${') ? parseTemplate(text, true) : text;
}

/** The texts under a name or under its negation; exactly one of both must be there. */
function textsOf(statement: Record<string, unknown>, name: string, where: string): { texts: string[]; isNot: boolean } {
  const not = `Not${name}`;
  const isNot = statement[not] !== undefined;
  if (isNot === (statement[name] !== undefined)) throw new SyntaxError(`${where} has either ${name} or ${not}`);
  const value = statement[isNot ? not : name];
  const texts: unknown[] = Array.isArray(value) ? value : [value];
  if (!texts.every(isText)) throw new SyntaxError(`${where}: ${name} is a text or a list of texts`);
  return { texts, isNot };
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new SyntaxError(`${what} is an object`);
}

function onlyMembers(object: Record<string, unknown>, known: readonly string[], what: string): void {
  for (const name in object) if (!known.includes(name)) throw new SyntaxError(`${what} has no member ${name}`);
}
