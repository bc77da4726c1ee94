/* What stands behind the methods of REST APIs. */
import { isUtf8 } from 'node:buffer';
import { uuid } from '../../../base/index.ts';
import type { InvocationAnswer } from '../../../runtime/index.ts';
import type { RestContent, RestIntegration, RestIntegrationResponse } from '../../../services/apigateway/index.ts';
import { API_LIMITS } from '../limits.ts';
import type { UrlResponse } from '../response.ts';
import { headerOf } from './arrival.ts';
import type { ApiCall } from './call.ts';
import { eventVersion1, forwardedFields, type Passed, withHost } from './events.ts';
import { inTime } from './exchange.ts';
import { withStageVariables } from './expressions.ts';
import { functionArnIn, roleIn } from './functions.ts';
import type { ApiGround } from './ground.ts';
import { sendOn, targetUrl } from './proxy.ts';
import { badGateway, restInternal, restRefusal, timedOut } from './rest-answers.ts';
import type { RestLeaf, RestPlace } from './rest-api.ts';
import { rendered, requestValue, responseValue } from './rest-templates.ts';
import { responseVersion1 } from './results-of-functions.ts';

const NOTHING = new Uint8Array(0);

/** Headers of an integration that are the connection's own in AWS's eyes, and go on under another name. */
const REMAPPED = new Set(['authorization', 'date', 'server', 'www-authenticate']);

/** The certificate that a stage shows to servers behind it; `undefined` where there is none. */
export type FindCertificate = (
  region: string,
  id: string,
) => { readonly certificate: string; readonly key: string } | undefined;

export class RestIntegrations {
  readonly #ground: ApiGround;
  readonly #findCertificate: FindCertificate;

  constructor(ground: ApiGround, findCertificate: FindCertificate) {
    this.#ground = ground;
    this.#findCertificate = findCertificate;
  }

  /** @throws Refusal, ResponseMalformed, TemplateError, and the errors of proxies */
  async run(
    place: RestPlace,
    call: ApiCall,
    content: RestContent,
    leaf: RestLeaf,
    integration: RestIntegration,
  ): Promise<UrlResponse> {
    switch (integration.type) {
      case 'MOCK':
        return this.#mock(call, integration);
      case 'AWS_PROXY':
        return this.#function(place, call, content, leaf, integration);
      case 'AWS':
        return this.#mappedFunction(place, call, leaf, integration);
      case 'HTTP_PROXY':
        return remapped(await this.#proxy(place, call, integration, call.body));
      case 'HTTP':
        return this.#mappedProxy(place, call, integration);
    }
  }

  #mock(call: ApiCall, integration: RestIntegration): UrlResponse {
    const request = requestBody(call, integration);
    const status = /["']?statusCode["']?\s*:\s*["']?(\d{3})/.exec(Buffer.from(request).toString())?.[1];
    if (status === undefined) throw restInternal();
    const { integrationResponses = {} } = integration;
    return responseOf(call, pick(integrationResponses, status), {
      status: Number(status),
      headers: new Map(),
      body: NOTHING,
    });
  }

  async #function(
    place: RestPlace,
    call: ApiCall,
    content: RestContent,
    leaf: RestLeaf,
    integration: RestIntegration,
  ): Promise<UrlResponse> {
    const types = content.binaryMediaTypes ?? [];
    const isBinary = matchesType(types, headerOf(call.arrival, 'content-type')) || !isUtf8(call.body);
    const { arrival, more } = call;
    const passed = { fields: withHost(forwardedFields(call)), query: arrival.query, path: place.base + place.path };
    const identity = more['identity.apiKey'];
    const own = {
      resourceId: more.resourceId,
      extendedRequestId: more.extendedRequestId,
      deploymentId: more.deploymentId,
      ...(call.authorized === undefined && { authorizer: undefined }),
    };
    const event = eventVersion1(call, passed, { own, isBinary });
    if (identity !== undefined) {
      const context = event.requestContext as { identity: object };
      context.identity = { ...context.identity, apiKey: identity, apiKeyId: more['identity.apiKeyId'] };
    }
    const result = await this.#invoke(place, call, leaf, integration, Buffer.from(JSON.stringify(event)));
    if (result.kind === 'error') throw badGateway();
    return asText(responseVersion1(result.payload), result.payload, types, headerOf(arrival, 'accept'));
  }

  async #mappedFunction(
    place: RestPlace,
    call: ApiCall,
    leaf: RestLeaf,
    integration: RestIntegration,
  ): Promise<UrlResponse> {
    const payload = requestBody(call, integration);
    const result = await this.#invoke(place, call, leaf, integration, payload);
    const { integrationResponses = {} } = integration;
    const failure = result.kind === 'error' ? errorMessage(result.payload) : undefined;
    // Nothing of a success is matched; a failure is by its message.
    const chosen = failure === undefined ? defaultOf(integrationResponses) : pick(integrationResponses, failure);
    return responseOf(call, chosen, { status: 200, headers: new Map(), body: result.payload });
  }

  async #mappedProxy(place: RestPlace, call: ApiCall, integration: RestIntegration): Promise<UrlResponse> {
    const answer = await this.#proxy(place, call, integration, requestBody(call, integration));
    const { integrationResponses = {} } = integration;
    return responseOf(call, pick(integrationResponses, String(answer.status)), answer);
  }

  async #invoke(
    { api, stage }: RestPlace,
    call: ApiCall,
    { resource, method }: RestLeaf,
    integration: RestIntegration,
    payload: Uint8Array,
  ): Promise<InvocationAnswer> {
    if (payload.length > API_LIMITS.eventBytesMax) {
      throw restRefusal('REQUEST_TOO_LARGE', 'Request Too Long');
    }
    const arn = functionArnIn(withStageVariables(integration.uri ?? '', call));
    if (arn === undefined) throw restInternal();
    const { functions, random, clock } = this.#ground;
    const requestId = uuid(random);
    call.integration.requestId = requestId;
    const verb = method.httpMethod === 'ANY' ? '*' : method.httpMethod;
    const sourceArn = `arn:aws:execute-api:${api.region}:${call.accountId}:${api.id}/${stage.stageName}/${verb}${resource.path}`;
    const by = { sourceArn, roleArn: roleIn(integration.credentials) };
    const running = functions.invoke(arn, { requestId, payload, trace: call.trace }, by);
    const result = await inTime(
      clock,
      running,
      integration.timeoutInMillis ?? API_LIMITS.restIntegrationMsMax,
      timedOut,
    );
    if (result.kind === 'error') call.integration.error = result.errorType;
    return result;
  }

  async #proxy(
    { api, stage }: RestPlace,
    call: ApiCall,
    integration: RestIntegration,
    body: Uint8Array,
  ): Promise<UrlResponse> {
    const { uri = '', httpMethod = 'ANY', timeoutInMillis = API_LIMITS.restIntegrationMsMax } = integration;
    const mapped = mappedRequest(call, integration);
    const url = targetUrl(withStageVariables(uri, call), mapped.variables, '', mapped.passed.query);
    if (!url) throw restRefusal('DEFAULT_4XX', 'Bad Request', 400);
    const method = httpMethod === 'ANY' ? call.arrival.method : httpMethod;
    const { outgoing, clock } = this.#ground;
    const { fields } = mapped.passed;
    const { clientCertificateId: id } = stage;
    const identity = id === undefined ? undefined : this.#findCertificate(api.region, id);
    return sendOn(outgoing, clock, { method, url, identity }, call, { fields, body }, timeoutInMillis);
  }
}

/** What a server gets: path variables by the integration's own names, and what is added to query and headers. */
function mappedRequest(call: ApiCall, { type, requestParameters = {} }: RestIntegration) {
  const isProxy = type === 'HTTP_PROXY';
  const variables: Record<string, string> = {};
  const fields = [...(isProxy ? call.arrival.fields : contentFields(call))];
  const query = new URLSearchParams(isProxy ? call.arrival.query : '');
  for (const [key, expression] of Object.entries(requestParameters)) {
    const match = /^integration\.request\.(path|querystring|header)\.(.+)$/.exec(key);
    const value = requestValue(expression, call);
    if (!match || value === undefined) continue;
    const [, place, name] = match;
    if (place === 'path') variables[name!] = decoded(value);
    else if (place === 'querystring') query.set(name!, value);
    else fields.push(name!, value);
  }
  const passed: Passed = { fields, query: query.toString(), path: '' };
  return { variables, passed };
}

/** Of a request that templates map, the type and what is accepted go on. */
function contentFields({ arrival }: ApiCall): readonly string[] {
  return ['content-type', 'accept'].flatMap((name) => {
    const value = headerOf(arrival, name);
    return value === undefined ? [] : [name, value];
  });
}

/** Variables of REST APIs are encoded as they came; an address encodes them itself. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/**
 * The request as the integration's template for its type makes it.
 * @throws Refusal  there is no template, and nothing is to pass without one
 */
function requestBody(
  call: ApiCall,
  { requestTemplates = {}, passthroughBehavior = 'WHEN_NO_MATCH' }: RestIntegration,
): Uint8Array {
  const type = (headerOf(call.arrival, 'content-type') ?? 'application/json').split(';', 1)[0]!.trim().toLowerCase();
  const template = requestTemplates[type] ?? requestTemplates.$default;
  if (template !== undefined) return Buffer.from(rendered(template, call, call.body).text);
  const hasOthers = Object.keys(requestTemplates).length > 0;
  if (passthroughBehavior === 'NEVER' || (passthroughBehavior === 'WHEN_NO_TEMPLATES' && hasOthers)) {
    throw restRefusal('UNSUPPORTED_MEDIA_TYPE', 'Unsupported Media Type');
  }
  return call.body.length > 0 ? call.body : Buffer.from('{}');
}

type Responses = Readonly<Record<string, RestIntegrationResponse>>;

function defaultOf(responses: Responses): RestIntegrationResponse | undefined {
  return Object.values(responses).find(({ selectionPattern }) => !selectionPattern);
}

/** The response whose pattern the text matches as a whole; else the one without a pattern. */
function pick(responses: Responses, text: string): RestIntegrationResponse | undefined {
  const matching = Object.values(responses).find(({ selectionPattern: pattern }) => {
    return pattern !== undefined && pattern !== '' && new RegExp(`^(?:${pattern})$`, 's').test(text);
  });
  return matching ?? defaultOf(responses);
}

function responseOf(call: ApiCall, chosen: RestIntegrationResponse | undefined, answer: UrlResponse): UrlResponse {
  if (!chosen) throw restRefusal('API_CONFIGURATION_ERROR', 'Internal server error');
  const { responseTemplates = {}, responseParameters = {} } = chosen;
  const [type, template] = templateFor(call, responseTemplates);
  const made = template === undefined ? undefined : rendered(template, call, answer.body);
  const headers = new Map<string, string>([['content-type', type]]);
  for (const [key, expression] of Object.entries(responseParameters)) {
    const name = /^method\.response\.header\.(.+)$/.exec(key)?.[1];
    const value = name === undefined ? undefined : responseValue(expression, call, answer.headers, answer.body);
    if (value !== undefined && isHeaderText(value)) headers.set(name!.toLowerCase(), value);
  }
  for (const [name, value] of made?.overrides.headers ?? []) if (isHeaderText(value)) headers.set(name, value);
  const body = made ? Buffer.from(made.text.trim() === '' ? '' : made.text) : answer.body;
  return { status: made?.overrides.status ?? Number(chosen.statusCode), headers, body };
}

const isHeaderText = (value: string) => !/[^\t\x20-\x7e\x80-\xff]/.test(value);

function templateFor(call: ApiCall, templates: Readonly<Record<string, string>>) {
  const entries = Object.entries(templates);
  const accept = headerOf(call.arrival, 'accept') ?? '';
  const wanted =
    entries.find(([type]) => accept.includes(type)) ?? entries.find(([type]) => type === 'application/json');
  return wanted ?? entries[0] ?? (['application/json', undefined] as const);
}

function errorMessage(payload: Uint8Array): string {
  try {
    return String((JSON.parse(Buffer.from(payload).toString()) as { errorMessage?: unknown }).errorMessage ?? '');
  } catch {
    return '';
  }
}

function remapped(answer: UrlResponse): UrlResponse {
  const headers = [...answer.headers].map(
    ([name, value]) => [REMAPPED.has(name) ? `x-amzn-remapped-${name}` : name, value] as const,
  );
  return { ...answer, headers: new Map(headers) };
}

/** Bytes go out as such where the API has their type among its binary ones; else as the base64 that the function wrote. */
function asText(
  answer: UrlResponse,
  payload: Uint8Array,
  types: readonly string[],
  accept: string | undefined,
): UrlResponse {
  const { body, isBase64Encoded } = JSON.parse(Buffer.from(payload).toString()) as {
    body?: string;
    isBase64Encoded?: unknown;
  };
  const mapped = remapped(answer);
  if (isBase64Encoded !== true) return mapped;
  const [first] = (accept ?? '*/*').split(',');
  return matchesType(types, first?.trim()) ? mapped : { ...mapped, body: Buffer.from(body ?? '') };
}

/** Whether a type is among these: `image/png`, `image/*`, or `*` and `*` for all. */
function matchesType(types: readonly string[], type: string | undefined): boolean {
  if (types.includes('*/*')) return true;
  if (!type) return false;
  const name = type.split(';', 1)[0]!.trim().toLowerCase();
  return types.some(
    (one) => one.toLowerCase() === name || (one.endsWith('/*') && name.startsWith(one.slice(0, -1).toLowerCase())),
  );
}
