import { ACCOUNT_ID } from '../base/index.ts';
import type { Authority, Denial, RequestFacts } from '../services/iam/index.ts';
import { type EntryKey, isAccount, type Permission, type RefusedEntry, type Service } from '../services/index.ts';
import { type Asked, type Authorization, type Authorize, originOf } from '../wire/index.ts';
import type { FunctionCalls } from './function-calls.ts';

const ALLOWED: Authorization = { allowed: true };

/** Whoever has signed nothing is let in by a resource's policy, or not at all. */
const NOBODY: Authorization = { allowed: false, message: 'Access Denied' };

/**
 * Decides about calls over the wire: the account may do everything, whoever else is known what their policies say. Devices are
 * decided on by their own policies, and operations that are open to links prove themselves.
 *
 * @param off  nobody is held to policies
 */
export function authorization(options: {
  readonly authority: Pick<Authority, 'decide'>;
  readonly calls: Pick<FunctionCalls, 'count'>;
  readonly off: boolean;
}): Authorize {
  const { authority, calls, off } = options;
  return (asked) => {
    const { caller, service, operation, input } = asked;
    calls.count(caller, service.name, input);
    if (off || isAccount(caller) || caller.device) return ALLOWED;
    if (caller.unsigned && (service.open?.has(operation) || service.unsigned?.has(operation))) return ALLOWED;
    const decide = (permissions: readonly Permission[]) => {
      if (permissions.length === 0) return caller.unsigned ? NOBODY : ALLOWED;
      if (permissions.some(({ entry }) => entry !== undefined)) return decideEntries(authority, asked, permissions);
      return authority.decide(caller, permissions, factsOf(asked));
    };
    const permissions = permissionsOf(service, operation, asked);
    return permissions instanceof Promise ? permissions.then(decide) : decide(permissions);
  };
}

/** An entry of a batch that policies refuse, for its caller and for those who keep the policies. */
export interface DeniedEntry extends RefusedEntry {
  readonly denial?: Denial;
}

/** Decides on a batch: what the whole call needs first, then on each of its entries. */
async function decideEntries(
  authority: Pick<Authority, 'decide'>,
  asked: Asked,
  permissions: readonly Permission[],
): Promise<Authorization> {
  const facts = factsOf(asked);
  const refusedEntries = new Map<EntryKey, DeniedEntry>();
  for (const permission of permissions.toSorted(
    (a, b) => Number(a.entry !== undefined) - Number(b.entry !== undefined),
  )) {
    const { entry } = permission;
    if (entry !== undefined && refusedEntries.has(entry)) continue;
    const verdict = await authority.decide(asked.caller, [permission], facts);
    if (verdict.allowed) continue;
    if (entry === undefined) return verdict;
    refusedEntries.set(entry, { message: verdict.message, ...(verdict.denial && { denial: verdict.denial }) });
  }
  return refusedEntries.size === 0 ? ALLOWED : { allowed: true, refusedEntries };
}

/** What a call needs the right to; an operation that nobody has said it of needs the right to everything of its name. */
export function permissionsOf(
  service: Service,
  operation: string,
  { input, region, caller }: Pick<Asked, 'input' | 'region' | 'caller'>,
): readonly Permission[] | Promise<readonly Permission[]> {
  if (!service.permissions) return [];
  const known = Object.hasOwn(service.permissions, operation) ? service.permissions[operation] : undefined;
  if (known) return known(input, { region, accountId: ACCOUNT_ID, caller });
  return [{ action: `${service.name}:${operation}`, resources: ['*'] }];
}

/** What conditions of policies may ask about a request. @param region  of what is asked for */
export function factsOf({ region, request }: Pick<Asked, 'region' | 'request'>): RequestFacts {
  return { region, ...originOf(request) };
}
