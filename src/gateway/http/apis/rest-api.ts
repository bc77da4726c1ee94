/**
 * Requests to REST APIs.
 *
 *     stage -> method -> read the body -> authorize -> key and plan -> throttle -> validate -> integration -> respond -> log
 */
import { ACCOUNT_ID, hasCode, messageOf, uuid } from '../../../base/index.ts';
import type {
  RestApi,
  RestApis,
  RestAuthorizer,
  RestContent,
  RestIntegration,
  RestMethod,
  RestResource,
  RestStage,
} from '../../../services/apigateway/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import { type BodyReader, type CallResponse, traceOf } from '../../../wire/index.ts';
import { API_LIMITS } from '../limits.ts';
import { ResponseMalformed, type UrlResponse } from '../response.ts';
import { Refusal } from './answers.ts';
import { type Arrival, hasLongHead, headerOf } from './arrival.ts';
import { Buckets } from './buckets.ts';
import { ApiCall } from './call.ts';
import { logAccess, send } from './exchange.ts';
import type { ApiGround } from './ground.ts';
import type { JwtAuthorizer } from './jwt.ts';
import { plainPath, policyPath } from './paths.ts';
import {
  badGateway,
  missingToken,
  restInternal,
  restRefusal,
  restRefused,
  timedOut,
  unreachable,
} from './rest-answers.ts';
import { type AuthorizerSaid, RestAuthorizers } from './rest-authorizers.ts';
import { RestIntegrations } from './rest-integrations.ts';
import { Router } from './router.ts';
import { Usage } from './usage.ts';
import { validateRequest } from './validation.ts';
import { TemplateError } from './velocity/index.ts';

/** A method in its place. */
export interface RestLeaf {
  readonly resource: RestResource;
  readonly method: RestMethod;
  readonly integration: RestIntegration | undefined;
}

/** Where a request goes. */
export interface RestPlace {
  readonly api: RestApi;
  readonly stage: RestStage;
  /** From the stage's root on, as it was sent. */
  readonly path: string;
  /** What stands in front of it in events: nothing, or a domain's base path. */
  readonly base: string;
  readonly basePath?: string;
}

export class RestApiServer {
  readonly #apis: RestApis;
  readonly #ground: ApiGround;
  readonly #bodies: BodyReader;
  readonly #buckets: Buckets;
  readonly #usage: Usage;
  readonly #authorizers: RestAuthorizers;
  readonly #integrations: RestIntegrations;
  readonly #routers = new WeakMap<RestContent, Router<RestLeaf>>();

  constructor(apis: RestApis, ground: ApiGround, bodies: BodyReader, jwt: JwtAuthorizer) {
    this.#apis = apis;
    this.#ground = ground;
    this.#bodies = bodies;
    this.#buckets = new Buckets(ground.clock);
    this.#usage = new Usage(apis, this.#buckets);
    this.#authorizers = new RestAuthorizers(ground, jwt);
    this.#integrations = new RestIntegrations(ground, (region, id) => apis.certificates.find(region, id));
    apis.onAuthorizersReset((apiId, stage) => this.#authorizers.reset(apiId, stage));
  }

  /** The stage that the first segment of a path names. */
  stageOf(api: RestApi, path: string): RestPlace | undefined {
    const end = path.indexOf('/', 1);
    const name = end < 0 ? path.slice(1) : path.slice(1, end);
    const stage = Object.hasOwn(api.stages, name) ? api.stages[name] : undefined;
    return stage && { api, stage, path: end < 0 ? '/' : path.slice(end), base: '' };
  }

  /** Answers; never rejects. */
  async answer(place: RestPlace, arrival: Arrival, response: CallResponse): Promise<void> {
    const { api, stage } = place;
    const started = this.#ground.clock.monotonic();
    const content = this.#apis.contentOf(api, stage);
    const call = this.#begin(place, arrival);
    let answer: UrlResponse;
    try {
      answer = await this.#respond(place, call, content);
    } catch (error) {
      answer = this.#refused(call, error, content);
    } finally {
      this.#bodies.release(call.body);
    }
    const ids = { 'x-amzn-requestid': call.requestId, 'x-amz-apigw-id': call.context('extendedRequestId')! };
    send(response, arrival, answer, ids);
    const { destinationArn: destination, format } = stage.accessLogSettings ?? {};
    if (destination !== undefined)
      logAccess(this.#ground, { region: api.region, destination, format, started }, call, answer);
  }

  /** What a method answers to whoever is let in. Never rejects. */
  async respond(place: RestPlace, call: ApiCall, content: RestContent, leaf: RestLeaf): Promise<UrlResponse> {
    try {
      return await this.#run(place, call, content, leaf);
    } catch (error) {
      return this.#refused(call, error, content);
    }
  }

  /** What an authorizer says of a call. Never rejects. */
  async tryAuthorizer(call: ApiCall, authorizer: RestAuthorizer, region: string): Promise<AuthorizerSaid> {
    try {
      return await this.#authorizers.ask(call, authorizer, region);
    } catch (error) {
      return { status: this.#refusalOf(call, error).status };
    }
  }

  #begin({ api, stage, path, base, basePath }: RestPlace, arrival: Arrival): ApiCall {
    const { random } = this.#ground;
    const call = new ApiCall({
      arrival,
      requestId: uuid(random),
      trace: traceOf(arrival.request) ?? newTrace(random),
      accountId: ACCOUNT_ID,
      apiId: api.id,
      stage: stage.stageName,
      stageVariables: stage.variables,
      path: basePath === undefined ? `/${stage.stageName}${path}` : base + path,
      stagePath: path,
      policyPath: policyPath(path),
      basePath,
    });
    call.more.extendedRequestId = random.bytes(11).toString('base64');
    call.more.deploymentId = stage.deploymentId;
    return call;
  }

  async #respond(place: RestPlace, call: ApiCall, content: RestContent | undefined): Promise<UrlResponse> {
    if (hasLongHead(call.arrival)) throw restRefusal('DEFAULT_4XX', 'Request Header Fields Too Large', 431);
    const leaf = content && this.#leafOf(content, place.path, call);
    if (!content || !leaf) throw missingToken();
    call.body = await this.#body(call.arrival);
    await this.#admit(place, call, content, leaf);
    return this.#run(place, call, content, leaf);
  }

  async #run(place: RestPlace, call: ApiCall, content: RestContent, leaf: RestLeaf): Promise<UrlResponse> {
    await validateRequest(call, leaf.method, content);
    if (!leaf.integration) throw restInternal();
    const begun = this.#ground.clock.monotonic();
    try {
      const answer = await this.#integrations.run(place, call, content, leaf, leaf.integration);
      call.integration.status ??= answer.status;
      return answer;
    } finally {
      call.integration.latencyMs = this.#ground.clock.monotonic() - begun;
    }
  }

  #leafOf(content: RestContent, path: string, call: ApiCall): RestLeaf | undefined {
    const segments = plainPath(path).replace(/\/+$/, '').slice(1).split('/');
    if (segments.length > API_LIMITS.pathSegmentsMax) return undefined;
    const match = this.#routerOf(content).find(call.arrival.method, segments);
    if (!match) return undefined;
    const { resource, method } = match.leaf;
    call.resourcePath = resource.path;
    call.routeKey = `${method.httpMethod} ${resource.path}`;
    call.variables = match.variables;
    call.more.resourceId = resource.id;
    return match.leaf;
  }

  #routerOf(content: RestContent): Router<RestLeaf> {
    const known = this.#routers.get(content);
    if (known) return known;
    const router = new Router<RestLeaf>();
    for (const resource of Object.values(content.resources)) {
      for (const method of Object.values(resource.methods)) {
        const leaf = { resource, method, integration: method.methodIntegration };
        router.add(method.httpMethod, resource.path.slice(1).split('/'), leaf);
      }
    }
    this.#routers.set(content, router);
    return router;
  }

  async #body({ request }: Arrival): Promise<Uint8Array> {
    try {
      return await this.#bodies.read(request, API_LIMITS.payloadBytesMax);
    } catch (error) {
      if (!hasCode(error, 'body-too-large')) throw error;
      throw restRefusal('REQUEST_TOO_LARGE', `HTTP content length exceeded ${API_LIMITS.payloadBytesMax} bytes.`);
    }
  }

  /** Who it is, by which key, and how often. @throws Refusal */
  async #admit(
    { api, stage }: RestPlace,
    call: ApiCall,
    content: RestContent,
    { method, resource }: RestLeaf,
  ): Promise<void> {
    const authorizer = content.authorizers[method.authorizerId ?? ''];
    const usageKey = await this.#authorizers.authorize(call, method, authorizer, api.region, content.policy);
    if (method.apiKeyRequired) {
      const value = api.settings.apiKeySource === 'AUTHORIZER' ? usageKey : headerOf(call.arrival, 'x-api-key');
      this.#usage.admit(call, api.region, value, `${resource.path}/${method.httpMethod}`);
    }
    this.#throttle(stage, call, resource, method);
  }

  #throttle(stage: RestStage, call: ApiCall, { path }: RestResource, { httpMethod }: RestMethod): void {
    const { methodSettings: settings = {} } = stage;
    // Patches name resources with and without their first slash.
    const [own, all] = [
      settings[`${path.slice(1)}/${httpMethod}`] ?? settings[`${path}/${httpMethod}`],
      settings['*/*'],
    ];
    const perSecond = own?.throttlingRateLimit ?? all?.throttlingRateLimit;
    const burst = own?.throttlingBurstLimit ?? all?.throttlingBurstLimit;
    if (perSecond === undefined && burst === undefined) return;
    const rate = { perSecond: perSecond ?? burst!, burst: burst ?? Math.ceil(perSecond!) };
    const name = `${call.apiId}/${call.stage}/${httpMethod} ${path}`;
    if (!this.#buckets.take(name, rate)) throw restRefusal('THROTTLED', 'Too Many Requests');
  }

  #refused(call: ApiCall, error: unknown, content: RestContent | undefined): UrlResponse {
    return restRefused(call, this.#refusalOf(call, error), content?.gatewayResponses);
  }

  #refusalOf(call: ApiCall, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    call.integration.error ??= messageOf(error);
    if (hasCode(error, 'body-aborted')) return restRefusal('DEFAULT_4XX', 'Bad Request', 400);
    if (hasCode(error, 'wire-busy')) return restRefusal('DEFAULT_5XX', 'Service Unavailable', 503);
    if (hasCode(error, 'integration-timeout')) return timedOut();
    if (hasCode(error, 'integration-failed')) return unreachable();
    const why = { apiId: call.apiId, requestId: call.requestId, error };
    if (error instanceof ResponseMalformed || error instanceof TemplateError) {
      this.#ground.logger.warn('api-response-malformed', why);
      return error instanceof ResponseMalformed ? badGateway() : restInternal();
    }
    if (hasCode(error, 'invoke-forbidden')) this.#ground.logger.warn('api-function-forbidden', why);
    else if (!hasCode(error, 'throttled')) this.#ground.logger.error('api-request-failed', why);
    return restInternal();
  }
}
