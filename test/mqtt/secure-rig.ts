import { seededRandom, systemClock } from '../../src/base/index.ts';
import { signatureCheck } from '../../src/gateway/mqtt/index.ts';
import { type Credentials, combineCredentials, rootCredentials, type Service } from '../../src/services/index.ts';
import {
  type Arrival,
  type ClientPermissions,
  type ConnectDecision,
  type ConnectRequest,
  type DeviceAccess,
  OPEN_ACCESS,
} from '../../src/services/iot/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { Authenticator, createWireServer, type WireServer } from '../../src/wire/index.ts';
import { TestAuthority, type TestCertificate } from '../support/certificates.ts';
import { openRig, type Rig, type RigOptions } from './harness.ts';

export const ROOT_KEYS = {
  accessKeyId: 'AKIATESTTESTTEST',
  secretAccessKey: 'a-secret-of-forty-characters-for-the-test',
};

/** Of a session that ends in an hour. */
export const SESSION_KEYS = {
  accessKeyId: 'ASIATESTTESTTEST',
  secretAccessKey: 'another-secret-of-forty-characters-long.',
  sessionToken: 'token',
};
export const SESSION_ENDS_AT = Date.now() + 3_600_000;

const SESSIONS: Credentials = {
  secretFor: (accessKeyId) =>
    accessKeyId === SESSION_KEYS.accessKeyId
      ? {
          ...{ secret: SESSION_KEYS.secretAccessKey, sessionToken: SESSION_KEYS.sessionToken },
          ...{ expiresAt: SESSION_ENDS_AT, caller: { accountId: '000000000000', arn: 'session', accessKeyId } },
        }
      : undefined,
};

const NOT_AUTHORIZED = 0x87;

/** Lets in who has one of the certificates, a good signature, or the password `open`; `tests/` topics are theirs. */
export class FakeAccess implements DeviceAccess {
  readonly connects: ConnectRequest[] = [];
  readonly publishers: Arrival[] = [];
  readonly known = new Set<string>();

  connect(request: ConnectRequest): ConnectDecision {
    this.connects.push(request);
    const isGood = request.password?.toString() === 'open' || this.#proves(request);
    return isGood ? this.#accept(request) : { kind: 'refused', reasonCode: NOT_AUTHORIZED, reason: 'nobody' };
  }

  async publisher(arrival: Arrival): Promise<ConnectDecision> {
    this.publishers.push(arrival);
    if (this.#proves(arrival)) return this.#accept(arrival);
    return { kind: 'refused', reasonCode: NOT_AUTHORIZED, reason: 'nobody' };
  }

  #proves({ certificate, caller, upgrade }: Arrival): boolean {
    const token = upgrade?.headers.token ?? new URLSearchParams(upgrade?.queryString).get('token');
    return (certificate && this.known.has(certificate.certificateId)) || caller !== undefined || token === 'open';
  }

  #accept({ certificate, caller }: Arrival): ConnectDecision {
    const open = OPEN_ACCESS.connect({} as ConnectRequest) as { permissions: ClientPermissions };
    const mayPublish = (topic: string) => topic.startsWith('tests/');
    const principal = certificate?.certificateId ?? caller?.arn;
    return {
      kind: 'accepted',
      permissions: { ...open.permissions, principal, mayPublish, mayRetain: (topic) => topic.endsWith('/kept') },
    };
  }
}

export interface SecureRig extends AsyncDisposable {
  readonly rig: Rig;
  readonly access: FakeAccess;
  readonly authority: TestAuthority;
  readonly server: TestCertificate;
  /** A certificate that is let in. */
  readonly device: TestCertificate;
  readonly mqtts: number;
  readonly https: number;
}

/** The gateway with all its listeners, and the wire behind the one for HTTPS. */
export async function openSecureRig(options: RigOptions = {}): Promise<SecureRig> {
  const authority = new TestAuthority();
  const server = authority.issue('server', ['DNS:localhost', 'IP:127.0.0.1']);
  const device = authority.issue('device');
  const access = new FakeAccess();
  access.known.add(device.id);
  const credentials = combineCredentials(rootCredentials(ROOT_KEYS), SESSIONS);
  const services: Service[] = [];
  const shared = { clock: systemClock, random: seededRandom(6), logger: silentLogger, metrics: createMetrics() };
  let wire: WireServer | undefined;
  const rig = await openRig({
    access,
    listeners: [
      { kind: 'mqtts', host: '127.0.0.1', port: 0 },
      { kind: 'https', host: '127.0.0.1', port: 0 },
    ],
    identity: async () => server,
    http: {
      server: {
        acceptDevice: (socket, door) => {
          wire ??= createWireServer({ services, credentials, mode: 'secured', ...shared });
          wire.acceptDevice(socket, door);
        },
      },
      signatures: signatureCheck(new Authenticator({ credentials, secured: true, now: Date.now })),
    },
    ...options,
  });
  services.push(...rig.iot.services);
  const [, mqtts, https] = rig.gateway.listening;
  return {
    rig,
    access,
    authority,
    server,
    device,
    mqtts: mqtts!.port,
    https: https!.port,
    [Symbol.asyncDispose]: async () => {
      await rig[Symbol.asyncDispose]();
      await wire?.close(0);
      authority[Symbol.dispose]();
    },
  };
}
