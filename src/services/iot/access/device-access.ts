import type { Clock } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { DeviceAction } from '../policies/document.ts';
import type { Policies } from '../policies/policies.ts';
import {
  type Arrival,
  type ClientPermissions,
  type ConnectDecision,
  type ConnectRequest,
  type DeviceAccess,
  EVERYTHING,
  type LastingProof,
  OPEN_ACCESS,
  type SignedCaller,
} from './access.ts';
import { alarm } from './alarm.ts';
import type { PrincipalChanges } from './changes.ts';
import { factsOf } from './context.ts';
import type { Identifier } from './identifier.ts';
import type { Identification, Identity } from './identity.ts';
import { LiveClients } from './live.ts';
import { type ClientOrigin, LivePermissions, type PermissionSource } from './permissions.ts';
import type { ThingDirectory } from './ports.ts';
import { Refusals } from './refusals.ts';

const { Reason } = mqtt;

/** Decides by identity: who a client is, by what it proves, and what it may do, by the policies of who it is. */
export class PolicyAccess implements DeviceAccess, Disposable {
  readonly refusals: Refusals;
  readonly live: LiveClients;
  readonly #clock: Clock;
  readonly #identifier: Identifier;
  readonly #source: PermissionSource;

  constructor(parts: {
    readonly identifier: Identifier;
    readonly policies: Policies;
    readonly things: ThingDirectory;
    readonly changes: PrincipalChanges;
    readonly clock: Clock;
  }) {
    const { policies, things, clock } = parts;
    this.#clock = clock;
    this.#identifier = parts.identifier;
    this.live = new LiveClients(parts.changes, clock);
    this.#source = {
      live: this.live,
      now: () => clock.now(),
      thingsOf: (arns) => arns.flatMap((arn) => things.ofPrincipal(arn)),
      policiesOf: (targets) => policies.effective(targets),
      refused: (permissions, action, name) => this.#refused(permissions, action, name),
    };
    this.refusals = new Refusals(clock);
  }

  connect(request: ConnectRequest): ConnectDecision | Promise<ConnectDecision> {
    if (request.caller) return ofCaller(request.caller, this.#clock);
    const { clientId, connectAttributes } = request;
    const origin = { clientId, connectAttributes, ...factsOf(request) };
    const decide = (identification: Identification) => this.#connected(identification, origin);
    const identification = this.#identifier.identify(request);
    return identification instanceof Promise ? identification.then(decide) : decide(identification);
  }

  publisher(arrival: Arrival): ConnectDecision | Promise<ConnectDecision> {
    if (arrival.caller) return ofCaller(arrival.caller, this.#clock);
    const origin = { clientId: undefined, connectAttributes: [], ...factsOf(arrival) };
    const decide = (identification: Identification): ConnectDecision =>
      identification.kind === 'refused'
        ? identification
        : { kind: 'accepted', permissions: new LivePermissions(identification.identity, origin, this.#source) };
    const identification = this.#identifier.identify(arrival);
    return identification instanceof Promise ? identification.then(decide) : decide(identification);
  }

  /** What a client that is not connected may do, by who it was and where it came from. */
  permissionsOf(identity: Identity, { arn: _arn, ...origin }: LastingProof): ClientPermissions {
    return new LivePermissions(identity, { sourceIp: undefined, serverName: undefined, ...origin }, this.#source);
  }

  [Symbol.dispose](): void {
    this.live.close();
  }

  #refused(permissions: LivePermissions, action: DeviceAction, name: string): void {
    const { clientId = '', remoteAddress } = permissions;
    this.refusals.add({ clientId, remoteAddress, action, name, permissions });
  }

  #connected(identification: Identification, origin: ClientOrigin): ConnectDecision {
    const clientId = origin.clientId!;
    if (identification.kind === 'refused') {
      const { reason } = identification;
      this.refusals.add({ clientId, remoteAddress: origin.sourceIp, action: 'Connect', name: clientId, reason });
      return identification;
    }
    const permissions = new LivePermissions(identification.identity, origin, this.#source);
    if (permissions.mayConnect) return { kind: 'accepted', permissions };
    this.#refused(permissions, 'Connect', clientId);
    const reason = `no policy allows iot:Connect as client/${clientId}`;
    return { kind: 'refused', reasonCode: Reason.notAuthorized, reason, permissions };
  }
}

/** Who signs with a key of the account may do everything: policies of IAM are not asked here. */
function ofCaller({ arn, expiresAt }: SignedCaller, clock: Clock): ConnectDecision {
  const everything = { ...EVERYTHING, principal: arn };
  if (expiresAt === undefined) return { kind: 'accepted', permissions: everything };
  const watch: ClientPermissions['watch'] = (listener) =>
    alarm(clock, expiresAt, () => listener.revoked('its credentials have expired', 'WEBSOCKET_TTL_EXPIRATION'));
  return { kind: 'accepted', permissions: { ...everything, watch } };
}

/** For `dev`: whoever comes in the clear may do everything; TLS, a certificate or a signature is taken at its word. */
export function openInTheClear(access: DeviceAccess): DeviceAccess {
  const isOpen = ({ isEncrypted, certificate, caller }: Arrival) => !isEncrypted && !certificate && !caller;
  return {
    connect: (request) => (isOpen(request) ? OPEN_ACCESS : access).connect(request),
    publisher: (arrival) => (isOpen(arrival) ? OPEN_ACCESS : access).publisher(arrival),
  };
}
