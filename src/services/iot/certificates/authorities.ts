import { X509Certificate } from 'node:crypto';
import { ACCOUNT_ID, type Clock, formatArn, hasCode, type Random, Turns } from '../../../base/index.ts';
import { decodeName, readNames } from '../../../codec/x509/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { certificateId, dateOf } from './certificate.ts';
import { CERTIFICATE_LIMITS } from './limits.ts';
import { checkSigned, invalid, parseCertificate, validityOf } from './parse.ts';

/** What is made of a device that comes for the first time with a certificate of an authority. */
export interface RegistrationConfig {
  readonly templateBody?: string;
  readonly templateName?: string;
  readonly roleArn?: string;
}

/** An authority of somebody else that signs certificates of devices. */
export interface DeviceAuthority {
  /** SHA-256 of its DER, lower-case hex. */
  readonly id: string;
  readonly region: string;
  readonly status: 'ACTIVE' | 'INACTIVE';
  /** Whether certificates of it that nobody has registered are registered when they come. */
  readonly registersNewcomers: boolean;
  readonly config?: RegistrationConfig;
  readonly mode: 'DEFAULT' | 'SNI_ONLY';
  readonly pem: string;
  /** Its distinguished name: DER, hex. */
  readonly subject: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly changedAt: number;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly version: number;
}

export type AuthorityChange = Partial<Pick<DeviceAuthority, 'status' | 'registersNewcomers' | 'config'>>;

export interface AuthorityRegistration {
  readonly region: string;
  /** Needed unless the mode is `SNI_ONLY`: says the registration code, and is signed by the authority. */
  readonly verificationPem: string | undefined;
  readonly isActive: boolean;
  readonly registersNewcomers: boolean;
  readonly config: RegistrationConfig | undefined;
  readonly mode: DeviceAuthority['mode'];
}

export function authorityArn({ id, region }: Pick<DeviceAuthority, 'id' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `cacert/${id}`);
}

const CODE = 'registration-code';

/** Authorities that are registered, and the code by which their owners prove that they have their keys. */
export class DeviceAuthorities {
  readonly #registry: Registry<DeviceAuthority>;
  readonly #codes: Registry<string>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();

  private constructor(registry: Registry<DeviceAuthority>, codes: Registry<string>, clock: Clock, random: Random) {
    this.#registry = registry;
    this.#codes = codes;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<DeviceAuthorities> {
    const registry = await Registry.open<DeviceAuthority>(records, 'iot.authorities');
    return new DeviceAuthorities(registry, await Registry.open<string>(records, 'iot.settings'), clock, random);
  }

  /** The code of this account, made when it is first asked for: 64 hex digits. */
  registrationCode(): Promise<string> {
    return this.#turns.run(CODE, async () => {
      const known = this.#codes.get(CODE);
      if (known !== undefined) return known;
      const code = this.#random.bytes(32).toString('hex');
      await this.#codes.put(CODE, code);
      return code;
    });
  }

  /** The next one is another. */
  async deleteRegistrationCode(): Promise<void> {
    await this.#turns.run(CODE, () => this.#codes.delete(CODE));
  }

  /** In order of their ids. */
  list(): readonly DeviceAuthority[] {
    return this.#registry.list();
  }

  find(id: string): DeviceAuthority | undefined {
    return this.#registry.get(id);
  }

  /** @throws IotError resource-not-found */
  get(id: string): DeviceAuthority {
    const authority = this.#registry.get(id);
    if (authority) return authority;
    throw new IotError('resource-not-found', `The CA certificate does not exist: ${id}`);
  }

  /** @throws IotError certificate-invalid, registration-code-invalid, resource-exists, limit-exceeded */
  async register(pem: string, given: AuthorityRegistration): Promise<DeviceAuthority> {
    const der = parseCertificate(pem);
    const certificate = new X509Certificate(der);
    if (!certificate.ca) throw invalid('it is no authority: CA:TRUE is missing in its basic constraints');
    if (certificate.checkIssued(certificate)) checkSigned(der, certificate);
    const { notBefore, notAfter } = validityOf(certificate);
    const now = this.#clock.now();
    if (now > notAfter) throw invalid(`it has expired on ${dateOf(notAfter)}`);
    if (given.mode === 'DEFAULT') this.#verify(given.verificationPem, certificate);
    if (this.#registry.size >= CERTIFICATE_LIMITS.authoritiesMax) {
      throw new IotError('limit-exceeded', `The limit of ${CERTIFICATE_LIMITS.authoritiesMax} authorities is reached.`);
    }
    const { region, isActive, registersNewcomers, config, mode } = given;
    const authority: DeviceAuthority = {
      id: certificateId(der),
      ...{ region, registersNewcomers, mode, notBefore, notAfter, createdAt: now, changedAt: now, version: 1 },
      ...(config && { config }),
      status: isActive ? 'ACTIVE' : 'INACTIVE',
      pem: certificate.toString(),
      subject: readNames(der).subject.toString('hex'),
    };
    try {
      await this.#registry.create(authority.id, authority);
    } catch (error) {
      throw hasCode(error, 'already-exists') ? authorityExists(this.get(authority.id)) : error;
    }
    return authority;
  }

  /** @throws IotError resource-not-found */
  update(id: string, change: AuthorityChange): Promise<void> {
    return this.#turns.run(id, async () => {
      const authority = this.get(id);
      const version = authority.version + 1;
      await this.#registry.put(id, { ...authority, ...change, version, changedAt: this.#clock.now() });
    });
  }

  /** Certificates that it has signed stay. @throws IotError resource-not-found, certificate-state: it is active */
  delete(id: string): Promise<void> {
    return this.#turns.run(id, async () => {
      if (this.get(id).status === 'ACTIVE') {
        throw new IotError(
          'certificate-state',
          `The CA certificate must be set to INACTIVE before it is deleted: ${id}`,
        );
      }
      await this.#registry.delete(id);
    });
  }

  /** The registered authority whose key has signed a certificate; `undefined` when there is none. @param der  a certificate */
  issuerOf(der: Buffer): DeviceAuthority | undefined {
    const issuer = readNames(der).issuer.toString('hex');
    const certificate = new X509Certificate(der);
    return this.#registry.list().find((one) => {
      return one.subject === issuer && certificate.verify(new X509Certificate(one.pem).publicKey);
    });
  }

  #verify(pem: string | undefined, authority: X509Certificate): void {
    const code = this.#codes.get(CODE);
    if (pem === undefined || code === undefined) {
      throw new IotError(
        'registration-code-invalid',
        'A verification certificate is needed: get the code by GetRegistrationCode, make a certificate with it as its common name, and sign it with the authority.',
      );
    }
    const der = parseCertificate(pem);
    const verification = new X509Certificate(der);
    if (!verification.checkIssued(authority) || !verification.verify(authority.publicKey)) {
      throw invalid('the verification certificate is not signed by it');
    }
    const names = decodeName(readNames(der).subject).filter(([attribute]) => attribute === 'CN');
    if (names.length !== 1 || names[0]![1] !== code) {
      throw new IotError(
        'registration-code-invalid',
        'The common name of the verification certificate is not the registration code.',
      );
    }
  }
}

function authorityExists(authority: DeviceAuthority): IotError {
  const fields = { resourceId: authority.id, resourceArn: authorityArn(authority) };
  return new IotError('resource-exists', 'The CA certificate is already registered', { fields });
}
