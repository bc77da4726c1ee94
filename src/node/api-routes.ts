import { SignatureFailure } from '../codec/aws/index.ts';
import { type EgressGuard, Outgoing, readDocument } from '../delivery/index.ts';
import {
  type ApiRoutes,
  type ApiRoutesOptions,
  apiRoutes,
  type FunctionCaller,
  type Signer,
} from '../gateway/http/index.ts';
import type { Caller, Credentials } from '../services/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import { AuthenticationFailure, Authenticator } from '../wire/index.ts';

/** APIs on the node's port: signed for the service `execute-api` where they ask for credentials. */
export function apis(
  options: Omit<ApiRoutesOptions, 'prove' | 'connections' | 'functions'> & {
    readonly credentials: Credentials;
    readonly lambda: Pick<Lambda, 'invoker'>;
    readonly egress: EgressGuard;
    /** PEM of an authority that other servers' certificates may be of. */
    readonly ca?: string | undefined;
    readonly allows: (caller: Caller, action: string, resource: string, resourcePolicy?: string) => Promise<boolean>;
  },
): ApiRoutes {
  const { credentials, mode, clock, lambda, egress, ca, allows } = options;
  const authenticator = new Authenticator({ credentials, secured: mode === 'secured', now: () => clock.now() });
  const prove: ApiRoutesOptions['prove'] = (request) => {
    try {
      const claim = authenticator.claim(request);
      // `dev` takes any signature, but a route that asks for one is not called without.
      if (!claim) return 'Missing Authentication Token';
      if (claim.service !== 'execute-api') return "Credential should be scoped to correct service: 'execute-api'.";
      const { caller } = authenticator.authenticate(claim, request, request.body);
      const { accountId, arn: userArn } = caller;
      const signer: Signer = {
        ...{ accessKey: claim.accessKeyId, accountId, userArn },
        allows: (...asked) => allows(caller, ...asked),
      };
      return signer;
    } catch (error) {
      if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) return error.message;
      throw error;
    }
  };
  const functions: FunctionCaller = {
    invoke: async (arn, request) => {
      const { result } = await lambda.invoker.invoke(lambda.invoker.runnableOf(arn), request, { wait: false });
      return result;
    },
  };
  const connections = () => {
    const outgoing = new Outgoing(egress, ca);
    return { outgoing, fetchDocument: (url: URL) => readDocument(outgoing, clock, url) };
  };
  return apiRoutes({ ...options, prove, functions, connections });
}
