import { SignatureFailure } from '../codec/aws/index.ts';
import { type FunctionUrlOptions, functionUrlRoutes, type UrlCaller } from '../gateway/http/index.ts';
import type { Credentials } from '../services/index.ts';
import { AuthenticationFailure, Authenticator } from '../wire/index.ts';

/** Function URLs on the node's port, signed for the service `lambda` where they ask for credentials. */
export function functionUrls(
  options: Omit<FunctionUrlOptions, 'prove'> & { readonly credentials: Credentials },
): ReturnType<typeof functionUrlRoutes> {
  const { credentials, mode, clock } = options;
  const authenticator = new Authenticator({ credentials, secured: mode === 'secured', now: () => clock.now() });
  const prove = (request: UrlCaller): ReturnType<FunctionUrlOptions['prove']> => {
    try {
      const claim = authenticator.claim(request);
      // `dev` takes any signature, but a URL that asks for one is not called without.
      if (!claim) return 'Missing Authentication Token';
      if (claim.service !== 'lambda') return "Credential should be scoped to correct service: 'lambda'.";
      const { caller } = authenticator.authenticate(claim, request, request.body);
      return { accessKey: claim.accessKeyId, accountId: caller.accountId, userArn: caller.arn };
    } catch (error) {
      if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) return error.message;
      throw error;
    }
  };
  return functionUrlRoutes({ ...options, prove });
}
