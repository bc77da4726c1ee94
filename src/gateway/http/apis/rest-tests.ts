/* Requests to REST APIs that nobody has sent: their owners try methods and authorizers. */
import { ACCOUNT_ID, uuid } from '../../../base/index.ts';
import type {
  ApiTester,
  AuthorizerTest,
  MethodTest,
  RestApi,
  RestStage,
  TestedAuthorizer,
  TestedMethod,
  TestRequest,
} from '../../../services/apigateway/index.ts';
import { newTrace } from '../../../telemetry/index.ts';
import type { CallRequest } from '../../../wire/index.ts';
import type { UrlResponse } from '../response.ts';
import type { Arrival } from './arrival.ts';
import { ApiCall } from './call.ts';
import type { ApiGround } from './ground.ts';
import { policyPath } from './paths.ts';
import type { RestApiServer, RestPlace } from './rest-api.ts';
import { Router } from './router.ts';

/** What stands for the stage in ARNs and events, and for who calls. */
const STAGE = 'test-invoke-stage';
const SOURCE_IP = 'test-invoke-source-ip';

export class RestTester implements ApiTester {
  readonly #server: RestApiServer;
  readonly #ground: ApiGround;

  constructor(server: RestApiServer, ground: ApiGround) {
    this.#server = server;
    this.#ground = ground;
  }

  async method(test: MethodTest): Promise<TestedMethod> {
    const { api, resource, method, httpMethod } = test;
    const { call, place, log, started } = this.#begin(test, httpMethod, test.clientCertificateId);
    const router = new Router<true>();
    router.add(httpMethod, resource.path.slice(1).split('/'), true);
    call.routeKey = `${method.httpMethod} ${resource.path}`;
    call.resourcePath = resource.path;
    call.variables = router.find(httpMethod, test.path.replace(/\/+$/, '').slice(1).split('/'))?.variables;
    call.more.resourceId = resource.id;
    log.step(`HTTP Method: ${httpMethod}, Resource Path: ${test.path}`);
    log.step(`Method request path: ${shown(Object.entries(call.variables ?? {}))}`);
    log.step(`Method request query string: ${shown([...new URLSearchParams(test.query)])}`);
    log.step(`Method request headers: ${shown(pairs(test.fields))}`);
    log.step(`Method request body before transformations: ${test.body}`);
    const { methodIntegration: integration } = method;
    if (integration?.uri !== undefined) log.step(`Endpoint request URI: ${integration.uri}`);
    const leaf = { resource, method, integration };
    const answer = await this.#server.respond(place, call, api.content, leaf);
    const { status, latencyMs, error } = call.integration;
    if (status !== undefined && latencyMs !== undefined) {
      log.step(`Received response. Status: ${status}, Integration latency: ${Math.round(latencyMs)} ms`);
    }
    if (error !== undefined) log.step(`Execution failed due to configuration error: ${error}`);
    const body = Buffer.from(answer.body).toString();
    log.step(`Method response body after transformations: ${body}`);
    log.step(`Method response headers: ${shown(headersOf(answer))}`);
    log.step(
      error === undefined && call.errorType === undefined ? 'Successfully completed execution' : 'Execution failed',
    );
    log.step(`Method completed with status: ${answer.status}`);
    const latency = this.#ground.clock.monotonic() - started;
    return { status: answer.status, headers: answer.headers, body, log: log.text, latencyMs: latency };
  }

  async authorizer(test: AuthorizerTest): Promise<TestedAuthorizer> {
    const { api, authorizer } = test;
    const { call, log, started } = this.#begin(test, 'GET', undefined);
    Object.assign(call.more, test.context);
    log.step(`Starting authorizer: ${authorizer.id}`);
    log.step(`Incoming identity: ${shown(pairs(test.fields))}`);
    const found = await this.#server.tryAuthorizer(call, authorizer, api.region);
    if (found.policy !== undefined) log.step(`Using valid authorizer policy for principal: ${found.principalId}`);
    if (call.authorizerError !== undefined) log.step(`Execution failed due to an error: ${call.authorizerError}`);
    log.step(`Authorizer completed with status: ${found.status}`);
    return { ...found, log: log.text, latencyMs: this.#ground.clock.monotonic() - started };
  }

  #begin(test: TestRequest & { readonly api: RestApi }, method: string, clientCertificateId: string | undefined) {
    const { random, clock } = this.#ground;
    const { api, path, stageVariables } = test;
    const requestId = uuid(random);
    const at = clock.now();
    const times = { createdAt: at, updatedAt: at };
    const stage: RestStage = {
      ...{ stageName: STAGE, deploymentId: STAGE, variables: stageVariables, ...times },
      ...(clientCertificateId !== undefined && { clientCertificateId }),
    };
    const call = new ApiCall({
      arrival: arrivalOf(test, method, `${api.id}.execute-api.${api.region}.localhost`, at),
      requestId,
      trace: newTrace(random),
      accountId: ACCOUNT_ID,
      apiId: api.id,
      stage: STAGE,
      stageVariables,
      path,
      stagePath: path,
      policyPath: policyPath(path),
    });
    call.body = Buffer.from(test.body);
    call.more.extendedRequestId = random.bytes(11).toString('base64');
    const place: RestPlace = { api, stage, path, base: '' };
    const log = new ExecutionLog(requestId, () => clock.now());
    return { call, place, log, started: clock.monotonic() };
  }
}

/** One line for each step, with the time in front: `Sun Nov 29 15:01:26 UTC 2026`. */
class ExecutionLog {
  readonly #now: () => number;
  readonly #lines: string[];

  constructor(requestId: string, now: () => number) {
    this.#now = now;
    this.#lines = [`Execution log for request ${requestId}`];
    this.step(`Starting execution for request: ${requestId}`);
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  step(what: string): void {
    const [weekday, day, month, year, time] = new Date(this.#now()).toUTCString().replace(',', '').split(' ');
    this.#lines.push(`${weekday} ${month} ${day} ${time} UTC ${year} : ${what}`);
  }
}

function arrivalOf({ path, query, fields }: TestRequest, method: string, host: string, at: number): Arrival {
  const url = query === '' ? path : `${path}?${query}`;
  const request: CallRequest = {
    ...{ method, url, headers: Object.fromEntries(pairs(fields).map(([name, value]) => [name.toLowerCase(), value])) },
    ...{ httpVersionMajor: 1, socket: {}, complete: true },
    async *[Symbol.asyncIterator]() {},
  };
  return { request, method, path, query, fields, authority: host, host, protocol: 'HTTP/1.1', sourceIp: SOURCE_IP, at };
}

function pairs(fields: readonly string[]): readonly (readonly [string, string])[] {
  const found: [string, string][] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) found.push([fields[i]!, fields[i + 1]!]);
  return found;
}

function headersOf({ headers }: UrlResponse): readonly (readonly [string, string])[] {
  return [...headers].map(([name, value]) => [name, [value].flat().join(', ')]);
}

/** `{name=value, ...}`. */
function shown(entries: readonly (readonly [string, string])[]): string {
  return `{${entries.map(([name, value]) => `${name}=${value}`).join(', ')}}`;
}
