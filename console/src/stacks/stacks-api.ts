/** Stacks of the node: the CloudFormation API. */
import { callQuery, listOf } from '../aws.ts';
import type { Mood } from '../status.tsx';

const SERVICE = { name: 'cloudformation', version: '2010-05-15' };
const PAGES_MAX = 20;

export interface Stack {
  readonly StackId: string;
  readonly StackName: string;
  readonly StackStatus: string;
  readonly StackStatusReason?: string;
  readonly Description?: string;
  /** ISO 8601. */
  readonly CreationTime: string;
  readonly LastUpdatedTime?: string;
  readonly RootId?: string;
  readonly ParentId?: string;
  readonly Outputs: readonly Output[];
  readonly Parameters: readonly Parameter[];
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

export interface Output {
  readonly OutputKey: string;
  readonly OutputValue: string;
  readonly Description?: string;
  readonly ExportName?: string;
}

export interface Parameter {
  readonly ParameterKey: string;
  readonly ParameterValue?: string;
  readonly ResolvedValue?: string;
}

export interface Resource {
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceType: string;
  readonly ResourceStatus: string;
  readonly ResourceStatusReason?: string;
  readonly Timestamp: string;
}

export interface StackEvent extends Resource {
  readonly EventId: string;
}

type Answer = Readonly<Record<string, unknown>>;

/** Members of all pages of a list. */
async function all<T>(action: string, input: Record<string, string>, list: string, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let NextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = (await callQuery(SERVICE, action, { ...input, NextToken }, signal)) as Answer;
    items.push(...listOf<T>(answer[list]));
    NextToken = answer.NextToken as string | undefined;
    if (!NextToken) break;
  }
  return items;
}

export async function listStacks(signal: AbortSignal): Promise<readonly Stack[]> {
  return (await all<Stack>('DescribeStacks', {}, 'Stacks', signal)).map(whole);
}

/** @param name  or id, by which deleted ones are found too */
export async function describeStack(name: string, signal: AbortSignal): Promise<Stack> {
  const [stack] = await all<Stack>('DescribeStacks', { StackName: name }, 'Stacks', signal);
  return whole(stack!);
}

function whole(stack: Stack): Stack {
  const { Outputs, Parameters, Tags } = stack;
  return { ...stack, Outputs: listOf(Outputs), Parameters: listOf(Parameters), Tags: listOf(Tags) };
}

export function listResources(StackName: string, signal: AbortSignal): Promise<readonly Resource[]> {
  return all<Resource & { readonly LastUpdatedTimestamp: string }>(
    'ListStackResources',
    { StackName },
    'StackResourceSummaries',
    signal,
  ).then((found) => found.map((one) => ({ ...one, Timestamp: one.LastUpdatedTimestamp })));
}

/** The newest first. */
export function listEvents(StackName: string, signal: AbortSignal): Promise<readonly StackEvent[]> {
  return all('DescribeStackEvents', { StackName }, 'StackEvents', signal);
}

export async function readTemplate(StackName: string, signal: AbortSignal): Promise<string> {
  const answer = (await callQuery(SERVICE, 'GetTemplate', { StackName }, signal)) as Answer;
  return String(answer.TemplateBody ?? '');
}

/** How a stack or a resource fares, by its status. */
export function moodOf(status: string): Mood {
  if (status.endsWith('_FAILED') || status.includes('ROLLBACK')) return 'bad';
  return status.endsWith('_IN_PROGRESS') ? 'busy' : 'good';
}

/** Where the console shows a resource, if it does. */
export function pageOf({ ResourceType, PhysicalResourceId: id = '' }: Resource): string | undefined {
  if (id === '') return undefined;
  if (ResourceType === 'AWS::Lambda::Function') return `#functions/${encodeURIComponent(id)}`;
  if (ResourceType === 'AWS::DynamoDB::Table') return `#tables/${encodeURIComponent(id)}`;
  if (ResourceType === 'AWS::ApiGatewayV2::Api' || ResourceType === 'AWS::ApiGateway::RestApi') return `#apis/${id}`;
  const identity = /^AWS::IAM::(Role|User)$/.exec(ResourceType)?.[1];
  if (identity) return `#identities/${identity.toLowerCase()}/${encodeURIComponent(id)}`;
  return ResourceType === 'AWS::CloudFormation::Stack' ? `#stacks/${encodeURIComponent(id)}` : undefined;
}
