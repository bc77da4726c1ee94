import { ACCOUNT_ID } from '../../base/index.ts';
import { type AttributeCall, invalid, invalidAttribute } from './errors.ts';
import { isObject, jsonObject } from './json.ts';
import { SNS_LIMITS, type Topic } from './model.ts';

/** Actions on a topic that its policy may speak of. */
const ACTIONS = [
  ...['GetTopicAttributes', 'SetTopicAttributes', 'AddPermission', 'RemovePermission', 'DeleteTopic', 'Subscribe'],
  ...['ListSubscriptionsByTopic', 'Publish'],
];
const NAMES = new Set([...ACTIONS, 'Receive', 'GetDataProtectionPolicy', 'PutDataProtectionPolicy'].map(lower));

interface Statement {
  readonly Sid?: string;
}

interface AccessPolicy {
  readonly Statement: readonly Statement[];
}

/** The policy of a topic that was given none. */
export function defaultPolicy(arn: string): string {
  return JSON.stringify({
    Version: '2008-10-17',
    Id: '__default_policy_ID',
    Statement: [
      {
        Sid: '__default_statement_ID',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: ACTIONS.map((action) => `SNS:${action}`),
        Resource: arn,
        Condition: { StringEquals: { 'AWS:SourceOwner': ACCOUNT_ID } },
      },
    ],
  });
}

/** The topic's policy with a statement more. @throws parameter-invalid */
export function withPermission(
  { arn, attributes }: Topic,
  label: string,
  accounts: readonly string[],
  actions: readonly string[],
): string {
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(label)) throw invalid('Label');
  if (accounts.length === 0 || !accounts.every((account) => /^\d{12}$/.test(account))) throw invalid('AWSAccountId');
  const unknown = actions.length === 0 || actions.find((action) => action !== '*' && !NAMES.has(lower(action)));
  if (unknown) throw invalid('Policy statement action out of service scope!');
  const policy = policyOf(attributes.Policy, arn);
  if (policy.Statement.some(({ Sid }) => Sid === label)) throw invalid('Statement already exists');
  const principals = accounts.map((account) => `arn:aws:iam::${account}:root`);
  const names = actions.map((action) => `SNS:${action}`);
  const statement = {
    Sid: label,
    Effect: 'Allow',
    Principal: { AWS: principals.length === 1 ? principals[0] : principals },
    Action: names.length === 1 ? names[0] : names,
    Resource: arn,
  };
  return JSON.stringify({ ...policy, Statement: [...policy.Statement, statement] });
}

/** The topic's policy without the statement of a label. @throws parameter-invalid: there is none */
export function withoutPermission({ arn, attributes }: Topic, label: string): string {
  const policy = policyOf(attributes.Policy, arn);
  const rest = policy.Statement.filter(({ Sid }) => Sid !== label);
  if (rest.length === policy.Statement.length) throw invalid('Statement does not exist');
  return JSON.stringify({ ...policy, Statement: rest });
}

function policyOf(text: string | undefined, arn: string): AccessPolicy {
  const policy = jsonObject(text ?? defaultPolicy(arn)) as unknown as AccessPolicy;
  return { ...policy, Statement: listOf(policy.Statement) as readonly Statement[] };
}

/** Checks a policy that is set as a whole. @throws parameter-invalid */
export function checkAccessPolicy(text: string, topicArn: string, call: AttributeCall): void {
  const problem = accessPolicyProblem(text, topicArn);
  if (problem !== undefined) throw invalidAttribute(`Policy Error: ${problem}`, call);
}

function accessPolicyProblem(text: string, topicArn: string): string | undefined {
  if (Buffer.byteLength(text) > SNS_LIMITS.policyBytesMax) return 'the policy is too long';
  const policy = jsonObject(text);
  if (!policy) return 'failed to parse JSON.';
  const { Version = '2008-10-17' } = policy;
  if (Version !== '2008-10-17' && Version !== '2012-10-17') return 'Version must be 2008-10-17 or 2012-10-17';
  const statements = listOf(policy.Statement);
  if (statements.length === 0) return 'Statement is missing';
  for (const statement of statements) {
    const problem = isObject(statement) ? statementProblem(statement, topicArn) : 'Statement must be an object';
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function statementProblem(statement: Readonly<Record<string, unknown>>, topicArn: string): string | undefined {
  const { Effect, Action, NotAction, Resource, NotResource, Principal, NotPrincipal } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') return 'Effect must be Allow or Deny';
  if (Principal === undefined && NotPrincipal === undefined) return 'Principal is missing';
  const actions = listOf(Action ?? NotAction);
  if (actions.length === 0) return 'Action is missing';
  if (!actions.every(isAction)) return 'Policy statement action out of service scope!';
  const resources = listOf(Resource ?? NotResource);
  const foreign = resources.some((one) => typeof one !== 'string' || (one !== topicArn && !one.includes('*')));
  if (resources.length === 0 || foreign) return `Resource must be the topic, ${topicArn}`;
  return undefined;
}

function isAction(action: unknown): boolean {
  if (action === '*') return true;
  const name = typeof action === 'string' ? /^sns:(.+)$/i.exec(action)?.[1] : undefined;
  return name !== undefined && (name.includes('*') || NAMES.has(lower(name)));
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function lower(text: string): string {
  return text.toLowerCase();
}
