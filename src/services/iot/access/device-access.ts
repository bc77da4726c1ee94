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
  type LastingProof,
  OPEN_ACCESS,
} from './access.ts';
import type { PrincipalChanges } from './changes.ts';
import { factsOf } from './context.ts';
import type { Identifier } from './identifier.ts';
import type { Identification, Identity } from './identity.ts';
import { LiveClients } from './live.ts';
import { type ClientOrigin, LivePermissions, type PermissionSource } from './permissions.ts';
import { type Signers, type ThingDirectory, UNHELD_SIGNERS } from './ports.ts';
import { Refusals } from './refusals.ts';
import { SignedClients } from './signed.ts';

const { Reason } = mqtt;

/** Decides by identity: who a client is, by what it proves, and what it may do, by the policies of who it is. */
export class PolicyAccess implements DeviceAccess, Disposable {
  readonly refusals: Refusals;
  readonly live: LiveClients;
  readonly #signed: SignedClients;
  readonly #identifier: Identifier;
  readonly #source: PermissionSource;

  constructor(parts: {
    readonly identifier: Identifier;
    readonly policies: Policies;
    readonly things: ThingDirectory;
    readonly changes: PrincipalChanges;
    readonly clock: Clock;
    /** Nobody who signs is held to policies unless given. */
    readonly signers?: Signers;
  }) {
    const { policies, things, clock, signers = UNHELD_SIGNERS } = parts;
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
    this.#signed = new SignedClients({ signers, clock, refusals: this.refusals });
  }

  connect(request: ConnectRequest): ConnectDecision | Promise<ConnectDecision> {
    const { caller, clientId, connectAttributes } = request;
    if (caller) return this.#signed.decide(caller, request, clientId);
    const origin = { clientId, connectAttributes, ...factsOf(request) };
    const decide = (identification: Identification) => this.#connected(identification, origin);
    const identification = this.#identifier.identify(request);
    return identification instanceof Promise ? identification.then(decide) : decide(identification);
  }

  publisher(arrival: Arrival): ConnectDecision | Promise<ConnectDecision> {
    if (arrival.caller) return this.#signed.decide(arrival.caller, arrival, undefined);
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
    this.#signed.close();
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

/** For `dev`: whoever comes in the clear may do everything; TLS, a certificate or a signature is taken at its word. */
export function openInTheClear(access: DeviceAccess): DeviceAccess {
  const isOpen = ({ isEncrypted, certificate, caller }: Arrival) => !isEncrypted && !certificate && !caller;
  return {
    connect: (request) => (isOpen(request) ? OPEN_ACCESS : access).connect(request),
    publisher: (arrival) => (isOpen(arrival) ? OPEN_ACCESS : access).publisher(arrival),
  };
}
