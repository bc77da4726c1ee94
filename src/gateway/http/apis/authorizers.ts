/* Who may call a route of an HTTP API. */
import { hasCode, messageOf, uuid } from '../../../base/index.ts';
import type { HttpAuthorizer, HttpRoute } from '../../../services/apigatewayv2/index.ts';
import { API_LIMITS } from '../limits.ts';
import { forbidden, internal, Refusal } from './answers.ts';
import type { ApiCall } from './call.ts';
import { authorizerEvent } from './events.ts';
import { evaluate, requestLookup, withStageVariables } from './expressions.ts';
import { functionArnIn, roleIn } from './functions.ts';
import type { ApiGround, ProvenRequest } from './ground.ts';
import type { JwtAuthorizer } from './jwt.ts';
import { type AuthorizerAnswer, authorizerAnswer } from './lambda-authorizer.ts';
import { factsOf } from './policies.ts';
import { KeptResults } from './results.ts';

/** A route with its authorizer. */
interface Guarded {
  readonly route: HttpRoute;
  readonly authorizer: HttpAuthorizer | undefined;
}

export class HttpAuthorizers {
  readonly #ground: ApiGround;
  readonly #jwt: JwtAuthorizer;
  readonly #kept: KeptResults<AuthorizerAnswer>;

  constructor(ground: ApiGround, jwt: JwtAuthorizer) {
    this.#ground = ground;
    this.#jwt = jwt;
    this.#kept = new KeptResults(ground.clock);
  }

  /** Forgets what authorizers have said for a stage. */
  reset(apiId: string, stage: string): void {
    this.#kept.forget(`${apiId}/${stage}/`);
  }

  /** Lets a call in, or @throws Refusal */
  async authorize(call: ApiCall, { route, authorizer }: Guarded, region: string): Promise<void> {
    const { AuthorizationType: type = 'NONE' } = route;
    if (type === 'NONE') return;
    if (type === 'AWS_IAM') return this.#bySignature(call, region);
    // Whatever is missing here must not let anyone in.
    if (!authorizer) throw internal();
    if (type === 'JWT') return this.#byToken(call, route, authorizer);
    return this.#byFunction(call, authorizer, region);
  }

  async #bySignature(call: ApiCall, region: string): Promise<void> {
    const signer = this.#ground.prove(provenRequest(call), region);
    if (typeof signer === 'string') throw forbidden();
    if (!(await signer.allows(arnOf(call, region), factsOf(call, region)))) throw forbidden();
    call.authorized = { kind: 'iam', identity: signer };
  }

  async #byToken(call: ApiCall, route: HttpRoute, { IdentitySource = [], JwtConfiguration }: HttpAuthorizer) {
    const given = evaluate(IdentitySource[0] ?? '', requestLookup(call));
    const token = given?.replace(/^bearer\s+/i, '').trim();
    if (!token) throw unauthorized(call, 'no token', 'Bearer');
    const scopes = route.AuthorizationScopes ?? [];
    const verdict = await this.#jwt.check(token, {
      issuer: JwtConfiguration?.Issuer ?? '',
      audience: JwtConfiguration?.Audience ?? [],
      scopes,
    });
    if (verdict.kind === 'good') {
      call.authorized = { kind: 'jwt', claims: verdict.claims, scopes: verdict.scopes };
      return;
    }
    const scope = scopes.join(' ').replace(/["\\]/g, '');
    if (verdict.kind === 'forbidden') {
      call.authorizerError = verdict.reason;
      const challenge = `Bearer scope="${scope}" error="insufficient_scope"`;
      throw new Refusal(403, 'Forbidden', { headers: { 'www-authenticate': challenge } });
    }
    const challenge = `Bearer scope="${scope}" error="invalid_token" error_description="${verdict.reason.replace(/[^ !#-[\]-~]/g, '')}"`;
    throw unauthorized(call, verdict.reason, challenge);
  }

  async #byFunction(call: ApiCall, authorizer: HttpAuthorizer, region: string): Promise<void> {
    const { IdentitySource = [], AuthorizerResultTtlInSeconds: ttl = 0, AuthorizerId } = authorizer;
    const lookup = requestLookup(call);
    const identity = IdentitySource.map((source) => evaluate(source, lookup));
    // A caller without what it is to be known by is not asked about.
    if (identity.some((one) => one === undefined || one === ''))
      throw unauthorized(call, 'an identity source is missing');
    const key = `${call.apiId}/${call.stage}/${AuthorizerId}/${JSON.stringify(identity)}`;
    const kept = ttl > 0 ? this.#kept.get(key) : undefined;
    const answer = kept ?? (await this.#ask(call, authorizer, identity as string[], region));
    if (!kept) this.#kept.put(key, answer, ttl);
    const isAllowed =
      answer.kind === 'simple'
        ? answer.isAuthorized
        : (await this.#ground.askPolicy(answer.policy, arnOf(call, region), factsOf(call, region))) === 'allowed';
    if (!isAllowed) throw forbidden();
    const principal = answer.kind === 'policy' ? { principalId: answer.principalId } : {};
    call.authorized = { kind: 'lambda', context: answer.context, ...principal };
  }

  async #ask(
    call: ApiCall,
    {
      AuthorizerUri = '',
      AuthorizerPayloadFormatVersion: format = '1.0',
      AuthorizerCredentialsArn,
      EnableSimpleResponses = false,
      AuthorizerId,
    }: HttpAuthorizer,
    identity: readonly string[],
    region: string,
  ): Promise<AuthorizerAnswer> {
    const arn = functionArnIn(withStageVariables(AuthorizerUri, call));
    if (arn === undefined) throw this.#broken(call, 'its URI names no function');
    const { random, functions, clock } = this.#ground;
    const payload = Buffer.from(JSON.stringify(authorizerEvent(call, format, identity, arnOf(call, region))));
    const sourceArn = `arn:aws:execute-api:${region}:${call.accountId}:${call.apiId}/authorizers/${AuthorizerId}`;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = clock.timer(API_LIMITS.authorizerMsMax, () => reject(new Error('it takes too long')));
    const by = { sourceArn, roleArn: roleIn(AuthorizerCredentialsArn) };
    const running = functions.invoke(arn, { requestId: uuid(random), payload, trace: call.trace }, by);
    try {
      const result = await Promise.race([running, late]);
      if (result.kind === 'error')
        throw saysUnauthorized(result.payload) ? unauthorized(call, 'Unauthorized') : new Error(result.errorType);
      return authorizerAnswer(result.payload, EnableSimpleResponses);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (hasCode(error, 'throttled')) throw this.#broken(call, 'its function is throttled');
      throw this.#broken(call, messageOf(error));
    } finally {
      timer.cancel();
      running.catch(() => {});
    }
  }

  #broken(call: ApiCall, reason: string): Refusal {
    call.authorizerError = reason;
    this.#ground.logger.warn('api-authorizer-failed', { apiId: call.apiId, requestId: call.requestId, reason });
    return internal();
  }
}

/** The request as it was signed: with all that stands in front of the API's own paths. */
export function provenRequest({ arrival: { method, query, request }, body }: ApiCall): ProvenRequest {
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  return { method, path, query, headers: request.headers, body };
}

/** A function throws this word for who is nobody. */
export function saysUnauthorized(payload: Uint8Array): boolean {
  try {
    return (JSON.parse(Buffer.from(payload).toString()) as { errorMessage?: unknown }).errorMessage === 'Unauthorized';
  } catch {
    return false;
  }
}

/** What a call asks for: the request's own method and path, not the route's. */
export function arnOf({ apiId, accountId, stage, arrival, policyPath }: ApiCall, region: string): string {
  return `arn:aws:execute-api:${region}:${accountId}:${apiId}/${stage}/${arrival.method}${policyPath}`;
}

function unauthorized(call: ApiCall, reason: string, challenge?: string): Refusal {
  call.authorizerError = reason;
  return new Refusal(
    401,
    'Unauthorized',
    challenge === undefined ? {} : { headers: { 'www-authenticate': challenge } },
  );
}
