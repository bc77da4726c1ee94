/**
 * Requests to HTTP APIs.
 *
 *     stage -> (a browser's question: answer it) -> route -> throttle -> read the body -> authorize -> map -> integration -> map -> respond -> log
 */
import { isUtf8 } from 'node:buffer';
import { ACCOUNT_ID, hasCode, messageOf, uuid } from '../../../base/index.ts';
import type {
  ApiContent,
  HttpApi,
  HttpApis,
  HttpAuthorizer,
  HttpIntegration,
  HttpRoute,
  HttpStage,
} from '../../../services/apigatewayv2/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import { type BodyReader, type CallResponse, traceOf } from '../../../wire/index.ts';
import { isPreflight, type PageRequest } from '../cors.ts';
import { isTextual } from '../event.ts';
import { API_LIMITS } from '../limits.ts';
import { ResponseMalformed, type UrlResponse } from '../response.ts';
import { badPath, internal, notFound, Refusal, refusalResponse, tooLarge, tooMany, unavailable } from './answers.ts';
import { type Arrival, hasLongHead, headerOf } from './arrival.ts';
import { HttpAuthorizers } from './authorizers.ts';
import { Buckets } from './buckets.ts';
import { ApiCall } from './call.ts';
import { pageHeaders } from './cors.ts';
import { eventVersion1, eventVersion2, type Passed, passedOf, spelled } from './events.ts';
import { inTime, logAccess, send } from './exchange.ts';
import { withStageVariables } from './expressions.ts';
import { functionArnIn, roleIn } from './functions.ts';
import type { ApiGround } from './ground.ts';
import type { JwtAuthorizer } from './jwt.ts';
import { mappedRequest, mappedResponse } from './mapping.ts';
import { sendOn, targetUrl } from './proxy.ts';
import { responseVersion1, responseVersion2 } from './results-of-functions.ts';
import { Router } from './router.ts';

/** A route with what it needs, found once for each state of an API. */
interface Leaf {
  readonly route: HttpRoute;
  readonly integration: HttpIntegration | undefined;
  readonly authorizer: HttpAuthorizer | undefined;
  /** Without its variables filled in; empty for `$default`. */
  readonly path: string;
}

interface Compiled {
  readonly router: Router<Leaf>;
  readonly fallback: Leaf | undefined;
}

/** Where a request goes: a stage of an API, and what of its path has led there. */
export interface StagePlace {
  readonly api: HttpApi;
  readonly stage: HttpStage;
  /** Decoded path from the stage's root on. */
  readonly path: string;
  /** What stands in front of it, decoded: `/dev`, or a domain's base path. */
  readonly base: string;
  readonly basePath?: string;
}

const NOTHING = new Uint8Array(0);
const EMPTY_HEADERS: ReadonlyMap<string, string> = new Map();

export class HttpApiServer {
  readonly #apis: HttpApis;
  readonly #ground: ApiGround;
  readonly #bodies: BodyReader;
  readonly #buckets: Buckets;
  readonly #authorizers: HttpAuthorizers;
  readonly #compiled = new WeakMap<ApiContent, Compiled>();

  constructor(apis: HttpApis, ground: ApiGround, bodies: BodyReader, jwt: JwtAuthorizer) {
    this.#apis = apis;
    this.#ground = ground;
    this.#bodies = bodies;
    this.#buckets = new Buckets(ground.clock);
    this.#authorizers = new HttpAuthorizers(ground, jwt);
    apis.onAuthorizersReset((apiId, stage) => this.#authorizers.reset(apiId, stage));
  }

  /** The stage that a path leads to: the one that its first segment names, else `$default`. */
  stageOf(api: HttpApi, path: string): StagePlace | undefined {
    const end = path.indexOf('/', 1);
    const first = end < 0 ? path.slice(1) : path.slice(1, end);
    const named = first !== '$default' && Object.hasOwn(api.stages, first) ? api.stages[first] : undefined;
    if (named) return { api, stage: named, path: end < 0 ? '/' : path.slice(end), base: `/${first}` };
    const stage = api.stages.$default;
    return stage && { api, stage, path, base: '' };
  }

  /** Answers; never rejects. */
  async answer(place: StagePlace, arrival: Arrival, response: CallResponse): Promise<void> {
    const { api, stage } = place;
    const started = this.#ground.clock.monotonic();
    const call = this.#begin(place, arrival);
    const page = pageOf(arrival);
    const cors = api.settings.CorsConfiguration;
    const pages = cors && page.origin !== undefined ? pageHeaders(cors, page) : EMPTY_HEADERS;
    let answer: UrlResponse;
    try {
      answer =
        cors && isPreflight(page)
          ? { status: 204, headers: EMPTY_HEADERS, body: NOTHING }
          : await this.#respond(place, call);
    } catch (error) {
      answer = this.#refused(call, error);
    } finally {
      this.#bodies.release(call.body);
    }
    send(response, arrival, withPages(answer, cors !== undefined, pages), { 'apigw-requestid': call.requestId });
    const { DestinationArn: destination, Format: format } = stage.AccessLogSettings ?? {};
    if (destination !== undefined)
      logAccess(this.#ground, { region: api.region, destination, format, started }, call, answer);
  }

  #begin({ api, stage, path, base, basePath }: StagePlace, arrival: Arrival): ApiCall {
    const { random } = this.#ground;
    return new ApiCall({
      arrival,
      requestId: random.bytes(11).toString('base64'),
      trace: traceOf(arrival.request) ?? newTrace(random),
      accountId: ACCOUNT_ID,
      apiId: api.id,
      stage: stage.StageName,
      stageVariables: stage.StageVariables,
      path: base + path,
      stagePath: path,
      // Decoded already, and routed as it is.
      policyPath: path,
      basePath,
    });
  }

  async #respond(place: StagePlace, call: ApiCall): Promise<UrlResponse> {
    if (hasLongHead(call.arrival)) throw new Refusal(431, 'Request Header Fields Too Large');
    const leaf = this.#routeOf(place, call);
    this.#throttle(place, leaf.route);
    const body = this.#body(call.arrival);
    call.body = body instanceof Promise ? await body : body;
    if ((leaf.route.AuthorizationType ?? 'NONE') !== 'NONE') {
      await this.#authorizers.authorize(call, leaf, place.api.region);
    }
    if (!leaf.integration) throw internal();
    return this.#integrate(place, call, leaf, leaf.integration);
  }

  /** @throws Refusal  no route takes it */
  #routeOf({ api, stage, path }: StagePlace, call: ApiCall): Leaf {
    const content = this.#apis.contentOf(api, stage);
    if (!content) throw notFound();
    const { router, fallback } = this.#compiledOf(content);
    const segments = path.slice(1).split('/');
    const match =
      segments.length <= API_LIMITS.pathSegmentsMax ? router.find(call.arrival.method, segments) : undefined;
    const leaf = match?.leaf ?? fallback;
    if (!leaf) throw notFound();
    call.routeKey = leaf.route.RouteKey;
    call.resourcePath = leaf.path || '$default';
    call.variables = match?.variables;
    return leaf;
  }

  #compiledOf(content: ApiContent): Compiled {
    const known = this.#compiled.get(content);
    if (known) return known;
    const router = new Router<Leaf>();
    let fallback: Leaf | undefined;
    for (const route of Object.values(content.routes)) {
      const integration = content.integrations[route.Target?.slice('integrations/'.length) ?? ''];
      const authorizer = content.authorizers[route.AuthorizerId ?? ''];
      const [method, path = ''] = route.RouteKey.split(' ');
      const leaf = { route, integration, authorizer, path };
      if (route.RouteKey === '$default') fallback = leaf;
      else router.add(method!, path.slice(1).split('/'), leaf);
    }
    const compiled = { router, fallback };
    this.#compiled.set(content, compiled);
    return compiled;
  }

  /** @throws Refusal */
  #throttle({ api, stage }: StagePlace, { RouteKey }: HttpRoute): void {
    const { [RouteKey]: own = {} } = stage.RouteSettings ?? {};
    const perSecond = own.ThrottlingRateLimit ?? stage.DefaultRouteSettings?.ThrottlingRateLimit;
    const burst = own.ThrottlingBurstLimit ?? stage.DefaultRouteSettings?.ThrottlingBurstLimit;
    if (perSecond === undefined && burst === undefined) return;
    const rate = { perSecond: perSecond ?? burst!, burst: burst ?? Math.ceil(perSecond!) };
    if (!this.#buckets.take(`${api.id}/${stage.StageName}/${RouteKey}`, rate)) throw tooMany();
  }

  #body({ request }: Arrival): Uint8Array | Promise<Uint8Array> {
    const body = this.#bodies.read(request, API_LIMITS.payloadBytesMax);
    if (!(body instanceof Promise)) return body;
    return body.catch((error: unknown) => {
      if (hasCode(error, 'body-too-large')) throw tooLarge();
      if (hasCode(error, 'wire-busy')) throw unavailable();
      throw error;
    });
  }

  async #integrate(place: StagePlace, call: ApiCall, leaf: Leaf, integration: HttpIntegration): Promise<UrlResponse> {
    const { clock } = this.#ground;
    const { RequestParameters, ResponseParameters } = integration;
    const passed = passedOf(call);
    const mapped = RequestParameters
      ? mappedRequest(call, passed, RequestParameters as Record<string, string>)
      : passed;
    const begun = clock.monotonic();
    try {
      const response =
        integration.IntegrationType === 'HTTP_PROXY'
          ? await this.#proxy(place, call, leaf, integration, mapped)
          : await this.#invoke(place, call, leaf, integration, mapped);
      call.integration.status ??= response.status;
      return ResponseParameters
        ? mappedResponse(call, response, ResponseParameters as Record<string, Record<string, string>>)
        : response;
    } finally {
      call.integration.latencyMs = clock.monotonic() - begun;
    }
  }

  async #proxy(
    { path }: StagePlace,
    call: ApiCall,
    leaf: Leaf,
    { IntegrationUri = '', IntegrationMethod = 'ANY', TimeoutInMillis = API_LIMITS.integrationMsMax }: HttpIntegration,
    passed: Passed,
  ): Promise<UrlResponse> {
    const overwritten = passed.path === call.path ? undefined : passed.path;
    const rest = overwritten ?? (leaf.route.RouteKey === '$default' ? path : '');
    const uri = withStageVariables(IntegrationUri, call);
    const url = targetUrl(overwritten === undefined ? uri : originOf(uri), call.variables, rest, passed.query);
    if (!url) throw badPath();
    const method = IntegrationMethod === 'ANY' ? call.arrival.method : IntegrationMethod;
    const { outgoing, clock } = this.#ground;
    return sendOn(outgoing, clock, { method, url }, call, passed, TimeoutInMillis);
  }

  async #invoke(
    { api }: StagePlace,
    call: ApiCall,
    { route, path: routePath }: Leaf,
    integration: HttpIntegration,
    passed: Passed,
  ): Promise<UrlResponse> {
    const version2 = integration.PayloadFormatVersion === '2.0';
    const payload = Buffer.from(JSON.stringify(version2 ? eventVersion2(call, passed) : version1(call, passed)));
    if (payload.length > API_LIMITS.eventBytesMax) throw tooLarge();
    const arn = functionArnIn(withStageVariables(integration.IntegrationUri ?? '', call));
    if (arn === undefined) throw internal();
    const { random, functions, clock } = this.#ground;
    const requestId = uuid(random);
    call.integration.requestId = requestId;
    const [method] = route.RouteKey.split(' ');
    const sourceArn = invokeArn(
      api,
      call.stage,
      method === '$default' ? '$default' : `${method!.replace('ANY', '*')}${routePath}`,
    );
    const by = { sourceArn, roleArn: roleIn(integration.CredentialsArn) };
    const running = functions.invoke(arn, { requestId, payload, trace: call.trace }, by);
    const result = await inTime(
      clock,
      running,
      integration.TimeoutInMillis ?? API_LIMITS.integrationMsMax,
      unavailable,
    );
    if (result.kind === 'error') {
      call.integration.error = `The Lambda function returned the following error: ${result.errorType}`;
      call.integration.status = 200;
      throw internal();
    }
    return version2 ? responseVersion2(result.payload) : responseVersion1(result.payload);
  }

  #refused(call: ApiCall, error: unknown): UrlResponse {
    const refusal = this.#refusalOf(call, error);
    call.errorMessage = refusal.message;
    return refusalResponse(refusal);
  }

  #refusalOf(call: ApiCall, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    call.integration.error ??= messageOf(error);
    if (hasCode(error, 'body-aborted')) return badPath();
    if (hasCode(error, 'throttled') || hasCode(error, 'integration-timeout') || hasCode(error, 'integration-failed')) {
      return unavailable();
    }
    const why = { apiId: call.apiId, requestId: call.requestId, error };
    if (hasCode(error, 'invoke-forbidden')) this.#ground.logger.warn('api-function-forbidden', why);
    else if (error instanceof ResponseMalformed) this.#ground.logger.warn('api-response-malformed', why);
    else this.#ground.logger.error('api-request-failed', why);
    return internal();
  }
}

/** A format-1.0 event of an HTTP API. */
function version1(call: ApiCall, passed: Passed) {
  const type = headerOf(call.arrival, 'content-type');
  const isText = (type === undefined || isTextual(type)) && isUtf8(call.body);
  return eventVersion1(call, { ...passed, fields: spelled(passed.fields) }, { isBinary: !isText, version: '1.0' });
}

export function invokeArn(
  { id, region }: { readonly id: string; readonly region: string },
  stage: string,
  rest: string,
) {
  return `arn:aws:execute-api:${region}:${ACCOUNT_ID}:${id}/${stage}/${rest}`;
}

function originOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).origin : uri;
}

function pageOf(arrival: Arrival): PageRequest {
  const { headers } = arrival.request;
  const wanted = headers['access-control-request-method'];
  return { method: arrival.method, origin: headers.origin, wantsMethod: wanted };
}

/** An API with rules for pages of other sites speaks for its integrations too. */
function withPages(answer: UrlResponse, hasRules: boolean, pages: ReadonlyMap<string, string>): UrlResponse {
  if (!hasRules) return answer;
  const own = [...answer.headers].filter(([name]) => !name.startsWith('access-control-'));
  const vary = [answer.headers.get('vary'), pages.get('vary')].filter((one) => one !== undefined).flat();
  const headers = new Map<string, string | readonly string[]>([...own, ...pages]);
  if (vary.length > 0) headers.set('vary', vary.join(', '));
  return { ...answer, headers };
}
