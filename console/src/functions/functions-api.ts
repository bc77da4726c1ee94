/** Functions of the node: the APIs of Lambda and CloudWatch. */
import { ApiError, askFor } from '../api.ts';
import { type AwsService, callAws, callRest, signed } from '../aws.ts';
import { encoded, queryOf } from '../encoding.ts';
import type { MetricAsked, Points } from './figures.ts';

const METRICS: AwsService = {
  ...{ name: 'monitoring', target: 'GraniteServiceVersion20100801', contentType: 'application/x-amz-json-1.0' },
};
/** Pages of a list that are read at most. */
const PAGES_MAX = 40;

export interface FunctionConfiguration {
  readonly FunctionName: string;
  readonly FunctionArn: string;
  readonly Runtime?: string;
  readonly Role: string;
  readonly Handler?: string;
  readonly CodeSize: number;
  readonly CodeSha256: string;
  readonly Description?: string;
  readonly Timeout: number;
  readonly MemorySize: number;
  readonly LastModified: string;
  readonly Version: string;
  readonly State?: string;
  readonly StateReason?: string;
  readonly Architectures?: readonly string[];
  readonly EphemeralStorage?: { readonly Size: number };
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> };
  readonly Layers?: readonly { readonly Arn: string; readonly CodeSize?: number }[];
  readonly TracingConfig?: { readonly Mode: string };
  readonly DeadLetterConfig?: { readonly TargetArn?: string };
  readonly SnapStart?: { readonly ApplyOn: string };
  readonly KMSKeyArn?: string;
  readonly LoggingConfig?: { readonly LogFormat?: string; readonly LogGroup?: string };
}

/** A function as it is now. */
export interface FunctionDetail {
  readonly configuration: FunctionConfiguration;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservedConcurrency: number | undefined;
}

export interface Alias {
  readonly Name: string;
  readonly FunctionVersion: string;
  readonly Description?: string;
  readonly RoutingConfig?: { readonly AdditionalVersionWeights?: Readonly<Record<string, number>> };
}

export interface Provisioned {
  readonly FunctionArn: string;
  readonly RequestedProvisionedConcurrentExecutions: number;
  readonly AvailableProvisionedConcurrentExecutions: number;
  readonly Status: string;
  readonly StatusReason?: string;
}

export interface Mapping {
  readonly UUID: string;
  readonly EventSourceArn?: string;
  readonly FunctionArn: string;
  readonly State: string;
  readonly StateTransitionReason?: string;
  readonly LastProcessingResult?: string;
  readonly BatchSize?: number;
  readonly MaximumBatchingWindowInSeconds?: number;
  readonly FilterCriteria?: { readonly Filters?: readonly { readonly Pattern: string }[] };
}

export interface UrlConfig {
  readonly FunctionArn: string;
  readonly FunctionUrl: string;
  readonly AuthType: string;
}

/** What becomes of events that are invoked asynchronously. */
export interface EventConfig {
  readonly FunctionArn: string;
  readonly MaximumRetryAttempts?: number;
  readonly MaximumEventAgeInSeconds?: number;
  readonly DestinationConfig?: {
    readonly OnSuccess?: { readonly Destination?: string };
    readonly OnFailure?: { readonly Destination?: string };
  };
}

/** A statement of a function's resource policy. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Principal: unknown;
  readonly Resource: string;
  readonly Condition?: unknown;
}

/** What came of an invocation. */
export interface Answer {
  /** It was taken over, and nobody waits for it. */
  readonly isQueued: boolean;
  readonly text: string;
  readonly ms: number;
  /** `Unhandled` where the function failed. */
  readonly error: string | undefined;
  readonly version: string | undefined;
  readonly requestId: string | undefined;
  /** The last 4 KB of what it has logged. */
  readonly log: string;
}

const pathOf = (version: string, name: string, rest = '') => `/${version}/functions/${encoded(name)}${rest}`;

/** Members of all pages of a list. */
async function all<T>(
  path: string,
  list: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const items: T[] = [];
  let Marker: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = (await callRest('lambda', 'GET', path, { ...query, Marker }, signal)) as Record<string, unknown>;
    items.push(...((answer[list] as readonly T[] | undefined) ?? []));
    Marker = answer.NextMarker as string | undefined;
    if (!Marker) break;
  }
  return items;
}

export function listFunctions(signal: AbortSignal): Promise<readonly FunctionConfiguration[]> {
  return all('/2015-03-31/functions', 'Functions', {}, signal);
}

export async function readFunction(name: string, signal: AbortSignal): Promise<FunctionDetail> {
  const answer = (await callRest('lambda', 'GET', pathOf('2015-03-31', name), {}, signal)) as {
    readonly Configuration: FunctionConfiguration;
    readonly Tags?: Readonly<Record<string, string>>;
    readonly Concurrency?: { readonly ReservedConcurrentExecutions?: number };
  };
  const { Configuration: configuration, Tags: tags = {}, Concurrency } = answer;
  return { configuration, tags, reservedConcurrency: Concurrency?.ReservedConcurrentExecutions };
}

/** All versions, the newest first and `$LATEST` before it. */
export async function listVersions(name: string, signal: AbortSignal): Promise<readonly FunctionConfiguration[]> {
  const versions = await all<FunctionConfiguration>(pathOf('2015-03-31', name, '/versions'), 'Versions', {}, signal);
  const rank = ({ Version }: FunctionConfiguration) => (Version === '$LATEST' ? Infinity : Number(Version));
  return versions.toSorted((a, b) => rank(b) - rank(a));
}

export function listAliases(name: string, signal: AbortSignal): Promise<readonly Alias[]> {
  return all(pathOf('2015-03-31', name, '/aliases'), 'Aliases', {}, signal);
}

export function listProvisioned(name: string, signal: AbortSignal): Promise<readonly Provisioned[]> {
  const path = pathOf('2019-09-30', name, '/provisioned-concurrency');
  return all(path, 'ProvisionedConcurrencyConfigs', { List: 'ALL' }, signal);
}

export function listMappings(FunctionName: string, signal: AbortSignal): Promise<readonly Mapping[]> {
  return all('/2015-03-31/event-source-mappings', 'EventSourceMappings', { FunctionName }, signal);
}

export function listUrls(name: string, signal: AbortSignal): Promise<readonly UrlConfig[]> {
  return all(pathOf('2021-10-31', name, '/urls'), 'FunctionUrlConfigs', {}, signal);
}

export function listEventConfigs(name: string, signal: AbortSignal): Promise<readonly EventConfig[]> {
  return all(pathOf('2019-09-25', name, '/event-invoke-config/list'), 'FunctionEventInvokeConfigs', {}, signal);
}

/** Who else may invoke it; nobody where it has no policy. */
export async function readPolicy(name: string, signal: AbortSignal): Promise<readonly PolicyStatement[]> {
  try {
    const answer = await callRest('lambda', 'GET', pathOf('2015-03-31', name, '/policy'), {}, signal);
    return (JSON.parse((answer as { readonly Policy: string }).Policy) as { Statement: PolicyStatement[] }).Statement;
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** There is no such thing, or none any more. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/**
 * Points of metrics of functions, by the names that they are asked for under.
 *
 * @param from  epoch milliseconds, as `to`
 */
export async function readMetrics<K extends string>(
  asked: ReadonlyMap<K, MetricAsked>,
  { from, to, periodSeconds }: { readonly from: number; readonly to: number; readonly periodSeconds: number },
  signal: AbortSignal,
): Promise<ReadonlyMap<K, Points>> {
  const names = [...asked.keys()];
  const MetricDataQueries = [...asked.values()].map(({ functionName, metric, stat }, at) => {
    const Dimensions = [{ Name: 'FunctionName', Value: functionName }];
    const Metric = { Namespace: 'AWS/Lambda', MetricName: metric, Dimensions };
    return { Id: `m${at}`, MetricStat: { Metric, Period: periodSeconds, Stat: stat } };
  });
  const input = { MetricDataQueries, StartTime: from / 1000, EndTime: to / 1000, ScanBy: 'TimestampAscending' };
  const { MetricDataResults } = (await callAws(METRICS, 'GetMetricData', input, signal)) as {
    readonly MetricDataResults: readonly { Id: string; Timestamps: number[]; Values: number[] }[];
  };
  return new Map(
    MetricDataResults.map(({ Id, Timestamps: times, Values: values }) => [
      names[Number(Id.slice(1))]!,
      { times, values },
    ]),
  );
}

/**
 * Invokes a function with what a person has written.
 *
 * @param isQueued  as an event, without waiting for what becomes of it
 * @throws ApiError  it was not invoked
 */
export async function invoke(
  name: string,
  {
    qualifier,
    payload,
    isQueued,
  }: { readonly qualifier: string; readonly payload: string; readonly isQueued: boolean },
  signal: AbortSignal,
): Promise<Answer> {
  const headers = {
    'content-type': 'application/json',
    'x-amz-invocation-type': isQueued ? 'Event' : 'RequestResponse',
    ...(!isQueued && { 'x-amz-log-type': 'Tail' }),
  };
  const path = pathOf('2015-03-31', name, '/invocations');
  const query = queryOf([['Qualifier', qualifier]]);
  const call = { method: 'POST', path, query, headers, body: payload };
  const begun = performance.now();
  const { value, response } = await askFor(
    `${path}?${query}`,
    { ...call, headers: { ...headers, ...(await signed('lambda', call)) }, signal },
    readAnswer,
  );
  const header = (part: string) => response.headers.get(part) ?? undefined;
  return {
    isQueued,
    text: value.text,
    ms: performance.now() - begun,
    error: header('x-amz-function-error'),
    version: header('x-amz-executed-version'),
    requestId: header('x-amzn-requestid'),
    log: textOfBase64(header('x-amz-log-result') ?? ''),
  };
}

/** The text of an answer, beside what a refusal has in it. */
function readAnswer(text: string): { readonly text: string } {
  try {
    const value: unknown = JSON.parse(text);
    return { ...(typeof value === 'object' && !Array.isArray(value) && value), text };
  } catch {
    return { text };
  }
}

function textOfBase64(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
