import { ACCOUNT_ID } from '../base/index.ts';
import type { Authority, Denial } from '../services/iam/index.ts';
import { type EntryKey, isAccount, type Permission, type RefusedEntry, type Service } from '../services/index.ts';
import type { Asked, Authorization, Authorize } from '../wire/index.ts';
import type { FunctionCalls } from './function-calls.ts';
import { isLoopbackPeer } from './local-routes.ts';

const ALLOWED: Authorization = { allowed: true };

/** Whoever has signed nothing is let in by a resource's policy, or not at all. */
const NOBODY: Authorization = { allowed: false, message: 'Access Denied' };

/** Where functions come from, whose door has no address. */
const THIS_MACHINE = '127.0.0.1';

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
export function factsOf({ region, request }: Pick<Asked, 'region' | 'request'>) {
  const { headers, socket } = request;
  return {
    region,
    sourceIp: sourceIpOf(request),
    isEncrypted: socket.encrypted ?? isWithinMachine(request),
    userAgent: headers['user-agent'],
    referer: headers.referer,
  };
}

/**
 * Policies that ask for TLS (`aws:SecureTransport`) mean that nobody listens on the way, and within this machine nobody does: the buckets
 * of osls and CDK refuse everything else, and their endpoint is `http://127.0.0.1`.
 */
function isWithinMachine({ headers, socket }: Asked['request']): boolean {
  const passedOn = headers.forwarded ?? headers['x-forwarded-for'] ?? headers['x-real-ip'];
  return passedOn === undefined && (socket.remoteAddress === undefined || isLoopbackPeer(socket.remoteAddress));
}

/** Where a call comes from. */
export function sourceIpOf({ socket }: Pick<Asked['request'], 'socket'>): string {
  return unmapped(socket.remoteAddress ?? THIS_MACHINE);
}

/** An address of version 4 that came to a listener of version 6. */
function unmapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
