import type { Clock } from '../../../base/index.ts';
import * as mqtt from '../../../codec/mqtt/index.ts';
import type { DeviceAction } from '../policies/document.ts';
import type { Policies } from '../policies/policies.ts';
import { type Arrival, type ConnectDecision, type ConnectRequest, type DeviceAccess, OPEN_ACCESS } from './access.ts';
import { certificateIdentity } from './certificate-identity.ts';
import type { PrincipalChanges } from './changes.ts';
import { factsOf } from './context.ts';
import type { Identification } from './identity.ts';
import { LiveClients } from './live.ts';
import { type ClientOrigin, LivePermissions, type PermissionSource } from './permissions.ts';
import type { CertificateAdmission, ThingDirectory } from './ports.ts';

const { Reason } = mqtt;

/** Decides by identity: who a client is, by what it proves, and what it may do, by the policies of who it is. */
export class PolicyAccess implements DeviceAccess, Disposable {
  readonly #certificates: CertificateAdmission;
  readonly #live: LiveClients;
  readonly #source: PermissionSource;

  constructor(parts: {
    readonly policies: Policies;
    readonly certificates: CertificateAdmission;
    readonly things: ThingDirectory;
    readonly changes: PrincipalChanges;
    readonly clock: Clock;
  }) {
    const { policies, things, clock } = parts;
    this.#certificates = parts.certificates;
    this.#live = new LiveClients(parts.changes);
    this.#source = {
      live: this.#live,
      now: () => clock.now(),
      thingsOf: (arns) => arns.flatMap((arn) => things.ofPrincipal(arn)),
      policiesOf: (targets) => policies.effective(targets),
      refused: (_permissions: LivePermissions, _action: DeviceAction, _name: string) => {},
    };
  }

  connect(request: ConnectRequest): ConnectDecision | Promise<ConnectDecision> {
    const { clientId, connectAttributes } = request;
    const origin = { clientId, connectAttributes, ...factsOf(request) };
    const decide = (identification: Identification) => this.#connected(identification, origin);
    const identification = this.#identify(request);
    return identification instanceof Promise ? identification.then(decide) : decide(identification);
  }

  publisher(arrival: Arrival): ConnectDecision | Promise<ConnectDecision> {
    const origin = { clientId: undefined, connectAttributes: [], ...factsOf(arrival) };
    const decide = (identification: Identification): ConnectDecision =>
      identification.kind === 'refused'
        ? identification
        : { kind: 'accepted', permissions: new LivePermissions(identification.identity, origin, this.#source) };
    const identification = this.#identify(arrival);
    return identification instanceof Promise ? identification.then(decide) : decide(identification);
  }

  [Symbol.dispose](): void {
    this.#live.close();
  }

  #identify(arrival: Arrival): Identification | Promise<Identification> {
    if (arrival.certificate) return certificateIdentity(arrival.certificate, this.#certificates);
    return { kind: 'refused', reasonCode: Reason.notAuthorized, reason: 'the client has proved nothing of itself' };
  }

  #connected(identification: Identification, origin: ClientOrigin): ConnectDecision {
    if (identification.kind === 'refused') return identification;
    const permissions = new LivePermissions(identification.identity, origin, this.#source);
    if (permissions.mayConnect) return { kind: 'accepted', permissions };
    const reason = `no policy allows iot:Connect as client/${origin.clientId}`;
    return { kind: 'refused', reasonCode: Reason.notAuthorized, reason };
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
