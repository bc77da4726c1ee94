import type { TraceContext } from '../../../telemetry/index.ts';
import { commonLogTime, type UrlIdentity } from '../event.ts';
import { API_LIMITS } from '../limits.ts';
import { type Arrival, headerOf } from './arrival.ts';
import { findIn } from './json-path.ts';

/** Who has been let in, and by what. */
export type Authorized =
  | {
      readonly kind: 'jwt';
      readonly claims: Readonly<Record<string, string>>;
      readonly scopes: readonly string[] | null;
    }
  | { readonly kind: 'lambda'; readonly principalId?: string; readonly context: Readonly<Record<string, unknown>> }
  | { readonly kind: 'iam'; readonly identity: UrlIdentity };

/** What came of the integration, for the access log. */
export interface IntegrationRun {
  status?: number;
  requestId?: string;
  latencyMs?: number;
  error?: string;
}

/** One request on its way through an API: what is known of it so far. Expressions and the access log ask it by name. */
export class ApiCall {
  readonly arrival: Arrival;
  readonly requestId: string;
  readonly trace: TraceContext;
  readonly accountId: string;
  readonly apiId: string;
  readonly stage: string;
  readonly stageVariables: Readonly<Record<string, string>> | undefined;
  /** As events and logs show it: with the stage or a domain's base path in front. */
  readonly path: string;
  /** From the stage's root on. */
  readonly stagePath: string;
  /** The same in the one spelling that policies are asked about. */
  readonly policyPath: string;
  /** What of a domain's path has led here. */
  readonly basePath: string | undefined;
  routeKey = '';
  /** With its variables as names: `/pets/{id}`. */
  resourcePath = '';
  variables: Readonly<Record<string, string>> | undefined;
  authorized: Authorized | undefined;
  body: Uint8Array = NOTHING;
  readonly integration: IntegrationRun = {};
  authorizerError: string | undefined;
  errorMessage: string | undefined;
  errorType: string | undefined;
  /** Names that only one kind of API has. */
  readonly more: Record<string, string> = {};

  constructor(options: {
    readonly arrival: Arrival;
    readonly requestId: string;
    readonly trace: TraceContext;
    readonly accountId: string;
    readonly apiId: string;
    readonly stage: string;
    readonly stageVariables: Readonly<Record<string, string>> | undefined;
    readonly path: string;
    readonly stagePath: string;
    readonly policyPath: string;
    readonly basePath?: string | undefined;
  }) {
    this.arrival = options.arrival;
    this.requestId = options.requestId;
    this.trace = options.trace;
    this.accountId = options.accountId;
    this.apiId = options.apiId;
    this.stage = options.stage;
    this.stageVariables = options.stageVariables;
    this.path = options.path;
    this.stagePath = options.stagePath;
    this.policyPath = options.policyPath;
    this.basePath = options.basePath;
  }

  get domainPrefix(): string {
    return this.arrival.host.split('.', 1)[0]!;
  }

  get userAgent(): string {
    return headerOf(this.arrival, 'user-agent') ?? '';
  }

  get requestTime(): string {
    return commonLogTime(this.arrival.at);
  }

  /** A `$context` variable; `undefined` where there is nothing of that name. */
  context(name: string): string | undefined {
    if (Object.hasOwn(this.more, name)) return this.more[name];
    const known = CONTEXT[name];
    if (known) return known(this);
    if (name.startsWith('authorizer.')) return this.#authorizer(name.slice('authorizer.'.length));
    return name.startsWith('identity.') ? this.#identity(name.slice('identity.'.length)) : undefined;
  }

  stageVariable(name: string): string | undefined {
    const variables = this.stageVariables ?? {};
    return Object.hasOwn(variables, name) ? variables[name] : undefined;
  }

  pathVariable(name: string): string | undefined {
    const variables = this.variables ?? {};
    return Object.hasOwn(variables, name) ? variables[name] : undefined;
  }

  /** A parameter of the query, decoded; several values are joined with commas. */
  queryValue(name: string): string | undefined {
    const values = new URLSearchParams(this.arrival.query).getAll(name);
    return values.length === 0 ? undefined : values.join(',');
  }

  /** What a path finds in the body, as far as it is JSON. */
  bodyValue(path: string): string | undefined {
    return searched(this.body, path);
  }

  #authorizer(name: string): string | undefined {
    const { authorized } = this;
    if (name === 'error') return this.authorizerError;
    if (authorized?.kind === 'jwt') {
      const claim = name.startsWith('claims.') ? name.slice('claims.'.length) : undefined;
      return claim !== undefined && Object.hasOwn(authorized.claims, claim) ? authorized.claims[claim] : undefined;
    }
    if (authorized?.kind !== 'lambda') return undefined;
    if (name === 'principalId') return authorized.principalId;
    const value = Object.hasOwn(authorized.context, name) ? authorized.context[name] : undefined;
    if (value === undefined || value === null) return undefined;
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }

  #identity(name: string): string | undefined {
    if (name === 'sourceIp') return this.arrival.sourceIp;
    if (name === 'userAgent') return this.userAgent || undefined;
    if (this.authorized?.kind !== 'iam') return undefined;
    const { accessKey, accountId, userArn } = this.authorized.identity;
    const known = { accessKey, accountId, userArn, caller: accessKey, user: accessKey } as Record<string, string>;
    return Object.hasOwn(known, name) ? known[name] : undefined;
  }
}

const NOTHING = new Uint8Array(0);

const CONTEXT: Readonly<Record<string, (call: ApiCall) => string | undefined>> = {
  __proto__: null as never,
  accountId: (call) => call.accountId,
  apiId: (call) => call.apiId,
  'customDomain.basePathMatched': (call) => call.basePath,
  dataProcessed: (call) => String(call.body.length),
  domainName: (call) => call.arrival.host,
  domainPrefix: (call) => call.domainPrefix,
  'error.message': (call) => call.errorMessage,
  'error.messageString': (call) => call.errorMessage && JSON.stringify(call.errorMessage),
  'error.responseType': (call) => call.errorType,
  extendedRequestId: (call) => call.requestId,
  httpMethod: (call) => call.arrival.method,
  'integration.error': (call) => call.integration.error,
  'integration.integrationStatus': (call) => call.integration.status && String(call.integration.status),
  'integration.latency': (call) => latency(call),
  'integration.requestId': (call) => call.integration.requestId,
  'integration.status': (call) => call.integration.status && String(call.integration.status),
  integrationErrorMessage: (call) => call.integration.error,
  integrationLatency: (call) => latency(call),
  integrationStatus: (call) => call.integration.status && String(call.integration.status),
  path: (call) => call.path,
  protocol: (call) => call.arrival.protocol,
  requestId: (call) => call.requestId,
  requestTime: (call) => call.requestTime,
  requestTimeEpoch: (call) => String(call.arrival.at),
  resourcePath: (call) => call.resourcePath,
  routeKey: (call) => call.routeKey,
  stage: (call) => call.stage,
} as Record<string, (call: ApiCall) => string | undefined>;

const latency = ({ integration: { latencyMs } }: ApiCall) =>
  latencyMs === undefined ? undefined : String(Math.round(latencyMs));

/** What a JSON path finds in bytes, as far as they are JSON and not too many. */
export function searched(body: Uint8Array, path: string): string | undefined {
  if (body.length === 0 || body.length > API_LIMITS.searchedBodyBytesMax) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (path === '') return text;
  try {
    return findIn(JSON.parse(text), path);
  } catch {
    return undefined;
  }
}
