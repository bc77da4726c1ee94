import { SignatureFailure } from '../codec/aws/index.ts';
import { type FunctionUrlOptions, functionUrlRoutes, type UrlCaller, type UrlSigner } from '../gateway/http/index.ts';
import type { Authority } from '../services/iam/index.ts';
import { type Caller, type Credentials, isAccount } from '../services/index.ts';
import type { FunctionUrl, FunctionUrls } from '../services/lambda/index.ts';
import { AuthenticationFailure, Authenticator, type HttpRequest } from '../wire/index.ts';
import { factsOf } from './authorization.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';

/** What function URLs need of a node beside the URLs themselves. */
export interface FunctionUrlRoutesOptions
  extends Omit<FunctionUrlOptions, 'prove' | 'isOpen' | 'urls'>,
    Pick<NodeConfig, 'authorization'> {
  readonly urls: FunctionUrlOptions['urls'] & Pick<FunctionUrls, 'rightsToCall'>;
  readonly credentials: Credentials;
  readonly authority: Pick<Authority, 'decide'>;
  readonly denials: Pick<Denials, 'tell'>;
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
      const { caller } = authenticator.authenticate(claim, request, request.body);
      return signerOf(caller, claim.accessKeyId, options);
    } catch (error) {
      if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) return error.message;
      throw error;
    }
  };
  const isOpen: FunctionUrlOptions['isOpen'] = (url, request, requestId) =>
    mayCall(NOBODY, url, request, requestId, options);
  return functionUrlRoutes({ ...options, prove, isOpen });
}

/** The account may call every URL, and with authorization off whoever has signed; others what policies let them. */
function signerOf(caller: Caller, accessKey: string, options: FunctionUrlRoutesOptions): UrlSigner {
  return {
    ...{ accessKey, accountId: caller.accountId, userArn: caller.arn },
    mayCall: async (url, request, requestId) => {
      if (options.authorization === 'off' || isAccount(caller)) return true;
      return mayCall(caller, url, request, requestId, options);
    },
  };
}

/** Whoever calls a URL that asks for no credentials: the function's policy lets them in, or nothing does. */
const NOBODY: Caller = { accountId: 'anonymous', arn: 'anonymous', unsigned: true };

async function mayCall(
  caller: Caller,
  url: FunctionUrl,
  request: HttpRequest,
  requestId: string,
  { urls, authority, denials }: FunctionUrlRoutesOptions,
): Promise<boolean> {
  const verdict = await authority.decide(caller, urls.rightsToCall(url), factsOf({ region: url.region, request }));
  if (!verdict.allowed && verdict.denial) denials.tell(caller, verdict.denial, requestId);
  return verdict.allowed;
}
