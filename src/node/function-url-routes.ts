import { checkSpelling, SignatureFailure } from '../codec/aws/index.ts';
import { type FunctionUrlOptions, functionUrlRoutes, type UrlCaller, type UrlSigner } from '../gateway/http/index.ts';
import type { Authority } from '../services/iam/index.ts';
import { type Caller, type Credentials, isAccount, type Service } from '../services/index.ts';
import type { FunctionUrl, FunctionUrls } from '../services/lambda/index.ts';
import {
  type Audit,
  AuthenticationFailure,
  Authenticator,
  type Authorization,
  type CallRequest,
} from '../wire/index.ts';
import { factsOf } from './authorization.ts';
import type { NodeConfig } from './config.ts';

/** What function URLs need of a node beside the URLs themselves. */
export interface FunctionUrlRoutesOptions
  extends Omit<FunctionUrlOptions, 'prove' | 'isOpen' | 'urls'>,
    Pick<NodeConfig, 'authorization'> {
  readonly urls: FunctionUrlOptions['urls'] & Pick<FunctionUrls, 'rightsToCall'>;
  readonly credentials: Credentials;
  readonly authority: Pick<Authority, 'decide'>;
  /** Told of every call that was decided on. */
  readonly audit: Audit;
}

/** Function URLs on the node's port, signed for the service `lambda` where they ask for credentials. */
export function functionUrls(options: FunctionUrlRoutesOptions): ReturnType<typeof functionUrlRoutes> {
  const { credentials, mode, clock } = options;
  const authenticator = new Authenticator({ credentials, secured: mode === 'secured', now: () => clock.now() });
  const prove = (request: UrlCaller): UrlSigner | string => {
    try {
      const claim = authenticator.claim(request);
      // `dev` takes any signature, but a URL that asks for one is not called without.
      if (!claim) return 'Missing Authentication Token';
      if (claim.service !== 'lambda') return "Credential should be scoped to correct service: 'lambda'.";
      if (mode === 'secured') checkSpelling(request.path);
      const { caller } = authenticator.authenticate(claim, request, request.body);
      return signerOf(caller, claim.accessKeyId, options);
    } catch (error) {
      if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) return error.message;
      throw error;
    }
  };
  const isOpen: FunctionUrlOptions['isOpen'] = (...call) => mayCall(NOBODY, call, options);
  return functionUrlRoutes({ ...options, prove, isOpen });
}

function signerOf(caller: Caller, accessKey: string, options: FunctionUrlRoutesOptions): UrlSigner {
  return {
    ...{ accessKey, accountId: caller.accountId, userArn: caller.arn },
    mayCall: (...call) => mayCall(caller, call, options),
  };
}

/** Whoever calls a URL that asks for no credentials: the function's policy lets them in, or nothing does. */
const NOBODY: Caller = { accountId: 'anonymous', arn: 'anonymous', unsigned: true };

/** The account may call every URL, and with authorization off whoever has signed; others what policies let them. */
async function mayCall(
  caller: Caller,
  [url, request, requestId]: readonly [FunctionUrl, CallRequest, string],
  { urls, authority, authorization, audit }: FunctionUrlRoutesOptions,
): Promise<boolean> {
  const isFree = caller !== NOBODY && (authorization === 'off' || isAccount(caller));
  const facts = factsOf({ region: url.region, request });
  const verdict: Authorization = isFree ? ALLOWED : await authority.decide(caller, urls.rightsToCall(url), facts);
  const asked = { caller, service: serviceOf(urls), operation: 'InvokeFunctionUrl', input: url, region: url.region };
  audit({ ...asked, requestId, request }, verdict.allowed ? undefined : FORBIDDEN, verdict);
  return verdict.allowed;
}

const ALLOWED: Authorization = { allowed: true };
const FORBIDDEN = { type: 'AccessDeniedException', status: 403, message: 'Forbidden' };

/** Lambda, as far as calls of URLs are told of: none of its operations is one. */
function serviceOf(urls: Pick<FunctionUrls, 'rightsToCall'>): Service {
  const permissions = { InvokeFunctionUrl: (url: FunctionUrl) => urls.rightsToCall(url) };
  return { name: 'lambda', operations: {}, errors: {}, permissions };
}
