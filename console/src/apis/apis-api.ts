/** APIs of the node: those of API Gateway v2 (HTTP APIs) and of API Gateway (REST APIs), seen alike. */
import { callRest } from '../aws.ts';
import { nameOf } from '../format.ts';
import type { Api, ApiParts, Integration, Route } from './model.ts';

type Answer = any;

const PAGES_MAX = 20;

/** All pages of a list of API Gateway v2. */
async function allHttp(path: string, signal: AbortSignal): Promise<readonly Answer[]> {
  const items: Answer[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer: Answer = await callRest('apigateway', 'GET', path, { nextToken }, signal);
    items.push(...(answer?.items ?? []));
    nextToken = answer?.nextToken;
    if (nextToken === undefined) break;
  }
  return items;
}

/** All pages of a list of API Gateway; some lists have one page only. */
async function allRest(path: string, query: Record<string, string>, signal: AbortSignal): Promise<readonly Answer[]> {
  const items: Answer[] = [];
  let position: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer: Answer = await callRest('apigateway', 'GET', path, { ...query, position }, signal);
    items.push(...(answer?.item ?? []));
    position = answer?.position;
    if (position === undefined) break;
  }
  return items;
}

export async function listApis(signal: AbortSignal): Promise<readonly Api[]> {
  const [http, rest] = await Promise.all([allHttp('/v2/apis', signal), allRest('/restapis', { limit: '500' }, signal)]);
  const all = [...http.map(httpApi), ...rest.map(restApi)];
  return all.sort((one, other) => one.name.localeCompare(other.name) || one.id.localeCompare(other.id));
}

function httpApi({ apiId, name, description, createdDate, apiEndpoint }: Answer): Api {
  return { id: apiId, kind: 'HTTP', name, description, createdAt: timeOf(createdDate), endpoint: apiEndpoint };
}

/** REST APIs do not say where they are: under the same kind of host as the others. */
function restApi({ id, name, description, createdDate }: Answer): Api {
  const port = location.port === '' ? '' : `:${location.port}`;
  const isHere = /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
  const endpoint = isHere
    ? `${location.protocol}//${id}.execute-api.us-east-1.localhost${port}`
    : `${location.origin}/_execute-api/${id}`;
  return { id, kind: 'REST', name, description, createdAt: timeOf(createdDate), endpoint };
}

/** ISO text, or seconds since the epoch. */
function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value * 1000;
  return typeof value === 'string' ? Date.parse(value) : undefined;
}

export function readParts({ id, kind }: Api, signal: AbortSignal): Promise<ApiParts> {
  return kind === 'HTTP' ? httpParts(id, signal) : restParts(id, signal);
}

async function httpParts(id: string, signal: AbortSignal): Promise<ApiParts> {
  const [routes, stages, authorizers, integrations] = await Promise.all(
    ['routes', 'stages', 'authorizers', 'integrations'].map((part) => allHttp(`/v2/apis/${id}/${part}`, signal)),
  );
  const targets = new Map(integrations!.map((one) => [one.integrationId, httpIntegration(one)]));
  const names = new Map(authorizers!.map(({ authorizerId, name }) => [authorizerId, name as string]));
  return {
    routes: routes!
      .map(({ routeId, routeKey, target, authorizationType = 'NONE', authorizerId, apiKeyRequired }): Route => {
        const [method, path] = routeKey === '$default' ? ['ANY', '/'] : routeKey.split(' ');
        return {
          ...{ id: routeId, key: routeKey, method, path, needsKey: apiKeyRequired === true },
          ...{ authorization: authorizationType, authorizer: names.get(authorizerId) },
          integration: targets.get(target?.replace('integrations/', '')),
        };
      })
      .sort(byPath),
    stages: stages!.map(({ stageName, deploymentId, autoDeploy, stageVariables, ...more }) => ({
      ...{
        name: stageName,
        deployment: deploymentId,
        isAutomatic: autoDeploy === true,
        variables: stageVariables ?? {},
      },
      throttling: throttlingWords(
        more.defaultRouteSettings?.throttlingRateLimit,
        more.defaultRouteSettings?.throttlingBurstLimit,
      ),
      accessLog: logGroupOf(more.accessLogSettings?.destinationArn),
    })),
    authorizers: authorizers!.map((one) => ({
      ...{
        id: one.authorizerId,
        name: one.name,
        type: one.authorizerType,
        source: (one.identitySource ?? []).join(', '),
      },
      asks: one.jwtConfiguration
        ? `${one.jwtConfiguration.issuer} for ${(one.jwtConfiguration.audience ?? []).join(', ')}`
        : targetOf(one.authorizerUri),
      keptSeconds: one.authorizerResultTtlInSeconds,
    })),
    integrations: [...targets.values()],
  };
}

function httpIntegration(one: Answer): Integration {
  return {
    ...{ id: one.integrationId, type: one.integrationType, target: targetOf(one.integrationUri) },
    ...{ format: one.payloadFormatVersion, timeoutMs: one.timeoutInMillis },
  };
}

async function restParts(id: string, signal: AbortSignal): Promise<ApiParts> {
  const [resources, stages, authorizers] = await Promise.all([
    allRest(`/restapis/${id}/resources`, { limit: '500', embed: 'methods' }, signal),
    callRest('apigateway', 'GET', `/restapis/${id}/stages`, {}, signal) as Promise<Answer>,
    allRest(`/restapis/${id}/authorizers`, { limit: '500' }, signal),
  ]);
  const names = new Map(authorizers.map((one) => [one.id, one.name as string]));
  const routes = resources.flatMap(({ id: resourceId, path, resourceMethods = {} }) =>
    Object.entries<Answer>(resourceMethods).map(([method, one]): Route => {
      const integration = one.methodIntegration;
      return {
        ...{ id: `${resourceId} ${method}`, key: `${method} ${path}`, method, path },
        ...{ authorization: one.authorizationType ?? 'NONE', authorizer: names.get(one.authorizerId) },
        needsKey: one.apiKeyRequired === true,
        integration: integration && {
          ...{ id: `${method} ${path}`, type: integration.type, target: targetOf(integration.uri) },
          ...{ format: undefined, timeoutMs: integration.timeoutInMillis },
        },
      };
    }),
  );
  return {
    routes: routes.sort(byPath),
    stages: (stages?.item ?? []).map((one: Answer) => ({
      ...{ name: one.stageName, deployment: one.deploymentId, isAutomatic: false, variables: one.variables ?? {} },
      throttling: throttlingWords(
        one.methodSettings?.['*/*']?.throttlingRateLimit,
        one.methodSettings?.['*/*']?.throttlingBurstLimit,
      ),
      accessLog: logGroupOf(one.accessLogSettings?.destinationArn),
    })),
    authorizers: authorizers.map((one) => ({
      ...{ id: one.id, name: one.name, type: one.type, source: one.identitySource ?? '' },
      asks: one.authorizerUri ? targetOf(one.authorizerUri) : (one.providerARNs ?? []).join(', '),
      keptSeconds: one.authorizerResultTtlInSeconds,
    })),
    integrations: routes.flatMap(({ integration }) => (integration ? [integration] : [])),
  };
}

function byPath(one: Route, other: Route): number {
  return one.path.localeCompare(other.path) || one.method.localeCompare(other.method);
}

/** The function in a URI of API Gateway or in its own ARN, by name; other addresses as they are. */
export function targetOf(uri: string | undefined): string {
  const arn = /functions\/(arn:[^/]+)\/(?:response-streaming-)?invocations$/.exec(uri ?? '')?.[1] ?? uri ?? '';
  return arn.includes(':lambda:') && arn.startsWith('arn:') ? functionName(arn) : arn;
}

function functionName(arn: string): string {
  const [, , , , , , name, qualifier] = arn.split(':');
  return qualifier === undefined ? name! : `${name}:${qualifier}`;
}

function throttlingWords(rate: number | undefined, burst: number | undefined): string | undefined {
  if (rate === undefined && burst === undefined) return undefined;
  return `${rate ?? '–'}/s, burst ${burst ?? '–'}`;
}

const logGroupOf = (arn: string | undefined) =>
  arn ? (/:log-group:([^:]+)/.exec(arn)?.[1] ?? nameOf(arn)) : undefined;
