import { hash } from 'node:crypto';
import { ACCOUNT_ID, formatArn } from '../base/index.ts';
import { checkSpelling, SignatureFailure } from '../codec/aws/index.ts';
import { type EgressGuard, Outgoing, readDocument } from '../delivery/index.ts';
import {
  type ApiRoutes,
  type ApiRoutesOptions,
  apiRoutes,
  type CallFacts,
  INVOKE,
  type Signer,
} from '../gateway/http/index.ts';
import type { Authority, Iam } from '../services/iam/index.ts';
import { type Caller, type Credentials, isAccount } from '../services/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import { AuthenticationFailure, Authenticator } from '../wire/index.ts';
import { functionCaller } from './api-functions.ts';
import type { NodeConfig } from './config.ts';

/** What APIs need of a node beside the APIs themselves. */
export interface ApisOptions
  extends Omit<ApiRoutesOptions, 'prove' | 'connections' | 'functions' | 'askPolicy' | 'admitsAnybody'>,
    Pick<NodeConfig, 'authorization'> {
  readonly credentials: Credentials;
  readonly authority: Pick<Authority, 'decide' | 'trusts'>;
  readonly iam: Pick<Iam, 'roleByArn' | 'generation'>;
  readonly lambda: Pick<Lambda, 'invoker'>;
  readonly egress: EgressGuard;
  /** PEM of an authority that other servers' certificates may be of. */
  readonly ca?: string | undefined;
}

/** APIs on the node's port: signed for the service `execute-api` where they ask for credentials. */
export function apis(options: ApisOptions): ApiRoutes & Disposable {
  const { clock, egress, ca } = options;
  let outgoing: Outgoing | undefined;
  const connections = () => {
    const made = new Outgoing(egress, ca);
    outgoing = made;
    return { outgoing: made, fetchDocument: (url: URL) => readDocument(made, clock, url) };
  };
  const own = { prove: prover(options), functions: functionCaller(options), connections, ...policies(options) };
  return { ...apiRoutes({ ...options, ...own }), [Symbol.dispose]: () => outgoing?.[Symbol.dispose]() };
}

function prover(options: ApisOptions): ApiRoutesOptions['prove'] {
  const { credentials, mode, clock } = options;
  const authenticator = new Authenticator({ credentials, secured: mode === 'secured', now: () => clock.now() });
  return (request, region) => {
    try {
      const claim = authenticator.claim(request);
      // `dev` takes any signature, but a route that asks for one is not called without.
      if (!claim) return 'Missing Authentication Token';
      if (claim.service !== 'execute-api') return "Credential should be scoped to correct service: 'execute-api'.";
      if (mode === 'secured') {
        if (claim.region !== region) return `Credential should be scoped to a valid region, not '${claim.region}'.`;
        checkSpelling(request.path);
      }
      const { caller } = authenticator.authenticate(claim, request, request.body);
      return signerOf(caller, claim.accessKeyId, options);
    } catch (error) {
      if (error instanceof SignatureFailure || error instanceof AuthenticationFailure) return error.message;
      throw error;
    }
  };
}

function signerOf(caller: Caller, accessKey: string, { authority, authorization }: ApisOptions): Signer {
  return {
    ...{ accessKey, accountId: caller.accountId, userArn: caller.arn },
    allows: async (resource, facts, resourcePolicy) => {
      if (authorization === 'off' || isAccount(caller)) return true;
      const permission = {
        action: INVOKE,
        resources: [resource],
        ...(resourcePolicy !== undefined && { resourcePolicy }),
      };
      return (await authority.decide(caller, [permission], facts)).allowed;
    },
  };
}

/** Documents that are no user's: an authorizer's about its caller, an API's about everybody. */
function policies({ authority }: ApisOptions): Pick<ApiRoutesOptions, 'askPolicy' | 'admitsAnybody'> {
  return {
    askPolicy: async (policy, resource, facts) => {
      const verdict = await authority.decide(limitedTo(policy), [{ action: INVOKE, resources: [resource] }], facts);
      if (verdict.allowed) return 'allowed';
      return verdict.message.includes('explicit deny') ? 'denied' : 'none';
    },
    admitsAnybody: async (resourcePolicy, resource, facts: CallFacts) => {
      const anybody: Caller = { accountId: 'anonymous', arn: 'anonymous', unsigned: true };
      return (await authority.decide(anybody, [{ action: INVOKE, resources: [resource], resourcePolicy }], facts))
        .allowed;
    },
  };
}

/** Somebody of the account who may do what one policy allows, and nothing else. */
function limitedTo(policy: string): Caller {
  const name = hash('sha1', policy);
  const arn = formatArn('sts', '', ACCOUNT_ID, `federated-user/${name}`);
  const principalArn = formatArn('iam', '', ACCOUNT_ID, 'root');
  const session = { kind: 'federated-user', principalArn, userId: name, issuedAt: 0, policies: [policy] } as const;
  return { accountId: ACCOUNT_ID, arn, accessKeyId: name, session };
}
