import type { Values } from '../../../codec/policies/index.ts';
import type { Caller, Permission } from '../../index.ts';

/** What is known of a request beside who sends it and what it asks. */
export interface RequestFacts {
  readonly region: string;
  /** Absent where another service calls. */
  readonly sourceIp?: string | undefined;
  readonly isEncrypted?: boolean;
  readonly userAgent?: string | undefined;
  readonly referer?: string | undefined;
  /** Services that call in the caller's name, the last one last: `cloudformation.amazonaws.com`. */
  readonly calledVia?: readonly string[];
}

/** A user or a role, as policies name them. */
export interface Principal {
  /** `AIDA...` or `AROA...`. */
  readonly id: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What the condition keys of one permission are made of. */
export interface Known {
  readonly caller: Caller;
  readonly principal: Principal | undefined;
  readonly facts: RequestFacts;
  readonly context: Permission['context'];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Values of condition keys, the global ones and those of the call. @see IAM user guide, "AWS global condition context keys" */
export function valuesOf(known: Known): Values {
  let own: ReadonlyMap<string, readonly string[]> | undefined;
  return (key) => {
    const name = key.toLowerCase();
    own ??= lowerCased(known.context);
    const given = own.get(name);
    if (given) return given;
    const value = Object.hasOwn(GLOBAL, name) ? GLOBAL[name]!(known) : tagOf(known, name);
    return typeof value === 'string' ? [value] : value;
  };
}

const TAG = 'aws:principaltag/';
const ALARMS = 'cloudwatch.amazonaws.com';

/** A session's own tags come before those of its role. */
function tagOf({ caller, principal }: Known, name: string): string | undefined {
  if (!name.startsWith(TAG)) return undefined;
  const wanted = name.slice(TAG.length);
  for (const tags of [caller.session?.tags, principal?.tags]) {
    for (const tag in tags) if (tag.toLowerCase() === wanted) return tags[tag];
  }
  return undefined;
}

function lowerCased(context: Permission['context']): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(context ?? {})) {
    values.set(key.toLowerCase(), typeof value === 'string' ? [value] : value);
  }
  return values;
}

type Key = (known: Known) => string | readonly string[] | undefined;

const GLOBAL: Readonly<Record<string, Key>> = {
  'aws:currenttime': ({ now }) => new Date(now).toISOString(),
  'aws:epochtime': ({ now }) => String(Math.floor(now / 1000)),
  'aws:sourceip': ({ facts }) => facts.sourceIp,
  'aws:securetransport': ({ facts }) => String(facts.isEncrypted ?? false),
  'aws:useragent': ({ facts }) => facts.userAgent,
  'aws:referer': ({ facts }) => facts.referer,
  'aws:requestedregion': ({ facts }) => facts.region,
  'aws:viaawsservice': ({ facts }) => String(facts.calledVia !== undefined),
  'aws:calledvia': ({ facts }) => facts.calledVia,
  'aws:calledviafirst': ({ facts }) => facts.calledVia?.[0],
  'aws:calledvialast': ({ facts }) => facts.calledVia?.at(-1),
  'aws:resourceaccount': ({ caller }) => caller.accountId,
  'aws:principalaccount': ({ caller }) => (isPrincipal(caller) ? caller.accountId : undefined),
  // Of a role's session it is the role that counts, as AWS documents it.
  'aws:principalarn': ({ caller }) => (isPrincipal(caller) ? (caller.session?.principalArn ?? caller.arn) : undefined),
  'aws:principaltype': ({ caller }) => typeOf(caller),
  'aws:principalisawsservice': ({ caller }) => String(caller.service !== undefined),
  'aws:principalservicename': ({ caller }) => caller.service?.principal,
  'aws:sourcearn': ({ caller }) => caller.service?.sourceArn,
  // Of what speaks for its account: alarms do, buckets do not.
  'aws:sourceowner': ({ caller }) => (caller.service?.principal === ALARMS ? caller.accountId : undefined),
  // ARNs of buckets have no account in them; all that is here is of one.
  'aws:sourceaccount': ({ caller }) => caller.service && (caller.service.sourceArn.split(':')[4] || caller.accountId),
  'aws:userid': ({ caller, principal }) =>
    isPrincipal(caller) ? (caller.session?.userId ?? principal?.id) : undefined,
  'aws:username': ({ caller, principal }) => (typeOf(caller) === 'User' ? principal?.name : undefined),
  'aws:sourceidentity': ({ caller }) => caller.session?.sourceIdentity,
  'aws:federatedprovider': ({ caller }) => caller.session?.federatedProvider,
  // No device of multi-factor authentication is known here: temporary keys are without, keys that last say nothing of it.
  'aws:multifactorauthpresent': ({ caller }) => (caller.session ? 'false' : undefined),
  'aws:tokenissuetime': ({ caller, now }) => caller.session && new Date(caller.session.issuedAt ?? now).toISOString(),
};

function isPrincipal({ service, arn }: Caller): boolean {
  return service === undefined && arn !== 'anonymous';
}

function typeOf({ arn, session, service }: Caller): string | undefined {
  if (service) return undefined;
  if (arn === 'anonymous') return 'Anonymous';
  if (session?.kind === 'federated-user') return 'FederatedUser';
  if (session?.kind === 'role') return 'AssumedRole';
  return arn.endsWith(':root') ? 'Account' : 'User';
}
