import { SignatureFailure } from '../codec/aws/index.ts';
import { type FunctionUrlOptions, functionUrlRoutes, type UrlCaller, type UrlSigner } from '../gateway/http/index.ts';
import type { Authority } from '../services/iam/index.ts';
import { type Caller, type Credentials, isAccount } from '../services/index.ts';
import type { FunctionUrls } from '../services/lambda/index.ts';
import { AuthenticationFailure, Authenticator } from '../wire/index.ts';
import { factsOf } from './authorization.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';

/** What function URLs need of a node beside the URLs themselves. */
export interface FunctionUrlRoutesOptions
  extends Omit<FunctionUrlOptions, 'prove' | 'urls'>,
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
  return functionUrlRoutes({ ...options, prove });
}

/** The account may call every URL, and with authorization off whoever has signed; others what policies let them. */
function signerOf(
  caller: Caller,
  accessKey: string,
  { urls, authorization, authority, denials }: FunctionUrlRoutesOptions,
): UrlSigner {
  return {
    ...{ accessKey, accountId: caller.accountId, userArn: caller.arn },
    mayCall: async (url, request, requestId) => {
      if (authorization === 'off' || isAccount(caller)) return true;
      const facts = factsOf({ region: url.region, request });
      const verdict = await authority.decide(caller, urls.rightsToCall(url), facts);
      if (!verdict.allowed && verdict.denial) denials.tell(caller, verdict.denial, requestId);
      return verdict.allowed;
    },
  };
}
