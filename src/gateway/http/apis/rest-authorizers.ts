/* Who may call a method of a REST API. */
import { hasCode, messageOf, uuid } from '../../../base/index.ts';
import type { RestAuthorizer, RestMethod } from '../../../services/apigateway/index.ts';
import { API_LIMITS } from '../limits.ts';
import { Refusal } from './answers.ts';
import { headerOf } from './arrival.ts';
import { arnOf, provenRequest, saysUnauthorized } from './authorizers.ts';
import type { ApiCall } from './call.ts';
import { restAuthorizerEvent } from './events.ts';
import { inTime } from './exchange.ts';
import { withStageVariables } from './expressions.ts';
import { functionArnIn, roleIn } from './functions.ts';
import type { ApiGround } from './ground.ts';
import type { JwtAuthorizer } from './jwt.ts';
import { type AuthorizerAnswer, authorizerAnswer } from './lambda-authorizer.ts';
import { factsOf, INVOKE, wholePolicy } from './policies.ts';
import { missingToken, restInternal, restRefusal } from './rest-answers.ts';
import { KeptResults } from './results.ts';

/** What an authorizer says of a call that is made to try it. */
export interface AuthorizerSaid {
  /** What its client would be told: 200 goes on. */
  readonly status: number;
  readonly principalId?: string;
  readonly policy?: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, string>>;
}

type Policy = Extract<AuthorizerAnswer, { kind: 'policy' }>;

const unauthorized = () => restRefusal('UNAUTHORIZED', 'Unauthorized');

export class RestAuthorizers {
  readonly #ground: ApiGround;
  readonly #jwt: JwtAuthorizer;
  readonly #kept: KeptResults<Policy>;

  constructor(ground: ApiGround, jwt: JwtAuthorizer) {
    this.#ground = ground;
    this.#jwt = jwt;
    this.#kept = new KeptResults(ground.clock);
  }

  reset(apiId: string, stage: string): void {
    this.#kept.forget(`${apiId}/${stage}/`);
  }

  /**
   * Lets a call in.
   * @param policy  of the API
   * @returns the key that an authorizer says usage plans are to count by
   * @throws Refusal
   */
  async authorize(
    call: ApiCall,
    method: RestMethod,
    authorizer: RestAuthorizer | undefined,
    region: string,
    policy: string | undefined,
  ): Promise<string | undefined> {
    if (policy && method.authorizationType !== 'AWS_IAM') await this.#byResourcePolicy(call, region, policy);
    if (method.authorizationType === 'NONE') return undefined;
    if (method.authorizationType === 'AWS_IAM') {
      await this.#bySignature(call, region, policy);
      return undefined;
    }
    // Whatever is missing here must not let anyone in.
    if (!authorizer) throw restInternal();
    if (authorizer.type === 'COGNITO_USER_POOLS') {
      await this.#byPool(call, method, authorizer);
      return undefined;
    }
    return this.#byFunction(call, authorizer, region);
  }

  /** Asks an authorizer itself, whatever is kept of its answers. @throws Refusal */
  async ask(call: ApiCall, authorizer: RestAuthorizer, region: string): Promise<AuthorizerSaid> {
    if (authorizer.type === 'COGNITO_USER_POOLS') {
      await this.#byPool(call, {}, authorizer);
      const { authorized } = call;
      return { status: 200, ...(authorized?.kind === 'jwt' && { claims: authorized.claims }) };
    }
    const [token = ''] = identityOf(call, authorizer);
    const { principalId, policy, context } = await this.#ask(call, authorizer, token, region);
    return { status: 200, principalId, policy, context };
  }

  async #bySignature(call: ApiCall, region: string, policy: string | undefined): Promise<void> {
    const signer = this.#ground.prove(provenRequest(call), region);
    if (typeof signer === 'string') {
      throw signer === 'Missing Authentication Token' ? missingToken() : restRefusal('INVALID_SIGNATURE', signer);
    }
    const arn = arnOf(call, region);
    if (!(await signer.allows(arn, factsOf(call, region), policy && wholePolicy(policy, call, region)))) {
      const message = `User: ${signer.userArn} is not authorized to perform: ${INVOKE} on resource: ${arn.replace(/\d{8}(?=\d{4}:)/, '********')}`;
      throw restRefusal('ACCESS_DENIED', message);
    }
    call.authorized = { kind: 'iam', identity: signer };
  }

  /** An API with a policy is open to those that it names. */
  async #byResourcePolicy(call: ApiCall, region: string, policy: string): Promise<void> {
    const whole = wholePolicy(policy, call, region);
    const arn = arnOf(call, region);
    if (await this.#ground.admitsAnybody(whole, arn, factsOf(call, region))) return;
    const hidden = arn.replace(/\d{8}(?=\d{4}:)/, '********');
    throw restRefusal(
      'ACCESS_DENIED',
      `User: anonymous is not authorized to perform: ${INVOKE} on resource: ${hidden}`,
    );
  }

  /** Tokens of a user pool are JSON Web Tokens whose issuer the pool's ARN tells. */
  async #byPool(
    call: ApiCall,
    { authorizationScopes: scopes = [] }: Pick<RestMethod, 'authorizationScopes'>,
    authorizer: RestAuthorizer,
  ): Promise<void> {
    const token = sourceValue(call, authorizer.identitySource ?? '')?.replace(/^bearer\s+/i, '');
    if (!token) throw unauthorized();
    for (const arn of authorizer.providerARNs ?? []) {
      const match = /^arn:aws[a-z-]*:cognito-idp:([^:]+):\d+:userpool\/(.+)$/.exec(arn);
      if (!match) continue;
      const issuer = `https://cognito-idp.${match[1]}.amazonaws.com/${match[2]}`;
      const verdict = await this.#jwt.check(token, { issuer, audience: undefined, scopes });
      if (verdict.kind !== 'good') continue;
      call.authorized = { kind: 'jwt', claims: verdict.claims, scopes: null };
      return;
    }
    throw unauthorized();
  }

  async #byFunction(call: ApiCall, authorizer: RestAuthorizer, region: string): Promise<string | undefined> {
    const { authorizerResultTtlInSeconds: ttl = 0 } = authorizer;
    const identity = identityOf(call, authorizer);
    const key = `${call.apiId}/${call.stage}/${authorizer.id}/${JSON.stringify(identity)}`;
    const kept = ttl > 0 ? this.#kept.get(key) : undefined;
    const answer = kept ?? (await this.#ask(call, authorizer, identity[0] ?? '', region));
    if (!kept) this.#kept.put(key, answer, ttl);
    const verdict = await this.#ground.askPolicy(answer.policy, arnOf(call, region), factsOf(call, region));
    if (verdict !== 'allowed') {
      const how = verdict === 'denied' ? ' with an explicit deny' : '';
      throw restRefusal('ACCESS_DENIED', `User is not authorized to access this resource${how}`);
    }
    call.authorized = { kind: 'lambda', principalId: answer.principalId, context: answer.context };
    return answer.usageKey;
  }

  async #ask(call: ApiCall, authorizer: RestAuthorizer, token: string, region: string): Promise<Policy> {
    const arn = functionArnIn(withStageVariables(authorizer.authorizerUri ?? '', call));
    if (arn === undefined) throw this.#broken(call, 'its URI names no function');
    const { random, functions, clock } = this.#ground;
    const event = restAuthorizerEvent(call, authorizer.type, token, arnOf(call, region));
    const request = { requestId: uuid(random), payload: Buffer.from(JSON.stringify(event)), trace: call.trace };
    const sourceArn = `arn:aws:execute-api:${region}:${call.accountId}:${call.apiId}/authorizers/${authorizer.id}`;
    try {
      const by = { sourceArn, roleArn: roleIn(authorizer.authorizerCredentials) };
      const running = functions.invoke(arn, request, by);
      const result = await inTime(clock, running, API_LIMITS.authorizerMsMax, () => new Error('it takes too long'));
      if (result.kind === 'error')
        throw saysUnauthorized(result.payload) ? unauthorized() : new Error(result.errorType);
      return authorizerAnswer(result.payload, false) as Policy;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw this.#broken(call, hasCode(error, 'throttled') ? 'its function is throttled' : messageOf(error));
    }
  }

  #broken(call: ApiCall, reason: string): Refusal {
    call.authorizerError = reason;
    this.#ground.logger.warn('api-authorizer-failed', { apiId: call.apiId, requestId: call.requestId, reason });
    return restRefusal('AUTHORIZER_FAILURE', 'Internal server error');
  }
}

/** What a caller is known by, in the order of the authorizer's sources. @throws Refusal  nothing that the function is asked about */
function identityOf(call: ApiCall, authorizer: RestAuthorizer): readonly string[] {
  const { type, identitySource = '', identityValidationExpression: pattern } = authorizer;
  const sources = identitySource.split(/\s*,\s*/).filter((source) => source !== '');
  const identity = sources.map((source) => sourceValue(call, source) ?? '');
  const isAsked = type === 'TOKEN' || (authorizer.authorizerResultTtlInSeconds ?? 0) > 0;
  if (isAsked && identity.some((one) => one === '')) throw unauthorized();
  if (type === 'TOKEN' && pattern && !new RegExp(`^(?:${pattern})$`).test(identity[0]!)) throw unauthorized();
  return identity;
}

/** `method.request.header.X`, `method.request.querystring.x`, `stageVariables.x`, `context.x`. */
function sourceValue(call: ApiCall, source: string): string | undefined {
  if (source.startsWith('method.request.header.')) return headerOf(call.arrival, source.slice(22).toLowerCase());
  if (source.startsWith('method.request.querystring.')) return call.queryValue(source.slice(27));
  if (source.startsWith('stageVariables.')) return call.stageVariable(source.slice(15));
  return source.startsWith('context.') ? call.context(source.slice(8)) : undefined;
}
