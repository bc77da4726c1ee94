import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { assert, type Clock, hasCode, type Random, Turns } from '../../../base/index.ts';
import { decodePem, encodeName, encodePem, extension, makeCertificate, readNames } from '../../../codec/x509/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { makeOwnKeyPair } from './key-pair.ts';
import { CERTIFICATE_LIMITS } from './limits.ts';

/** A certificate and its key, PEM. */
export interface Identity {
  /** PKCS #8. */
  readonly key: string;
  readonly cert: string;
}

interface Stored extends Identity {
  readonly createdAt: number;
}

const DAY_MS = 86_400_000;
const AUTHORITY = 'authority';

/** The authority, ready to sign. */
interface Loaded {
  readonly pem: string;
  readonly subject: Buffer;
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * The node's own certificate authority: signs devices' certificates and the one that the node shows to devices.
 *
 * Made when it is first needed. Devices are given it to know the node by, so it stays for the life of the data directory. A
 * device's certificate is good for clients only and names what the node lets it, so no device can stand in for the node.
 *
 * Keys stand among the records, in the data directory that only the node's user reads, as those that sign notifications do.
 */
export class CertificateAuthority {
  readonly #identities: Registry<Stored>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();
  #loaded: Loaded | undefined;

  private constructor(identities: Registry<Stored>, clock: Clock, random: Random) {
    this.#identities = identities;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<CertificateAuthority> {
    return new CertificateAuthority(await Registry.open<Stored>(records, 'iot.authority'), clock, random);
  }

  /** The certificate that devices know the node by, PEM. */
  async certificate(): Promise<string> {
    return (await this.#authority()).pem;
  }

  /** Signs a certificate for a device. @param subject  distinguished name, DER @returns DER */
  async issue(
    subject: Buffer,
    publicKey: KeyObject,
    lifetimeMs = CERTIFICATE_LIMITS.deviceCertificateDays * DAY_MS,
  ): Promise<Buffer> {
    const purpose = [extension.keyUsage('digitalSignature'), extension.purpose('clientAuth')];
    return this.#signed(subject, publicKey, lifetimeMs, purpose);
  }

  /**
   * The certificate that the node shows to devices, and its key: the stored one while it is good for a third of its time yet, else a
   * new one. To be asked again once a day by who serves with it.
   *
   * @param names  DNS names and addresses under which devices reach the node; at least one
   */
  serverIdentity(names: readonly string[]): Promise<Identity> {
    assert(names.length > 0, 'a server certificate needs a name');
    const wanted = [...new Set(names)].sort();
    const name = `server/${createHash('sha256').update(wanted.join('\n')).digest('hex')}`;
    return this.#turns.run(name, async () => {
      const stored = this.#identities.get(name);
      const { key, cert } = stored && this.#isFresh(stored) ? stored : await this.#makeServer(name, wanted);
      return { key, cert };
    });
  }

  #isFresh({ cert }: Stored): boolean {
    const { validFromDate, validToDate } = new X509Certificate(cert);
    const left = validToDate.getTime() - this.#clock.now();
    const days = CERTIFICATE_LIMITS.serverCertificateDays;
    // One that a clock which was ahead has made is not valid yet.
    return validFromDate.getTime() <= this.#clock.now() && left > (days / 3) * DAY_MS;
  }

  async #makeServer(name: string, names: readonly string[]): Promise<Stored> {
    const { privateKey, publicKey } = await makeOwnKeyPair();
    const extensions = [
      extension.keyUsage('digitalSignature'),
      extension.purpose('serverAuth'),
      extension.alternativeNames(names),
    ];
    const subject = encodeName(['CN', names[0]!.slice(0, 64)]);
    const der = await this.#signed(subject, publicKey, CERTIFICATE_LIMITS.serverCertificateDays * DAY_MS, extensions);
    const stored = { ...identityOf(der, privateKey), createdAt: this.#clock.now() };
    for (const other of this.#identities.names('server/')) {
      if (other !== name && !this.#isFresh(this.#identities.get(other)!)) await this.#identities.delete(other);
    }
    await this.#identities.put(name, stored);
    return stored;
  }

  async #signed(subject: Buffer, publicKey: KeyObject, lifetimeMs: number, more: readonly Buffer[]): Promise<Buffer> {
    const authority = await this.#authority();
    const now = this.#clock.now();
    return makeCertificate(
      {
        subject,
        issuer: authority.subject,
        serialNumber: this.#serialNumber(),
        notBefore: Math.max(now - CERTIFICATE_LIMITS.backdatedHours * 3_600_000, authority.notBefore),
        notAfter: Math.min(now + lifetimeMs, authority.notAfter),
        publicKey,
        extensions: [
          extension.noAuthority,
          ...more,
          extension.subjectKey(publicKey),
          extension.authorityKey(authority.publicKey),
        ],
      },
      authority.key,
    );
  }

  async #authority(): Promise<Loaded> {
    this.#loaded ??= await this.#turns.run(AUTHORITY, async () => {
      return this.#loaded ?? loaded(this.#identities.get(AUTHORITY) ?? (await this.#makeAuthority()));
    });
    return this.#loaded;
  }

  async #makeAuthority(): Promise<Stored> {
    const { privateKey, publicKey } = await makeOwnKeyPair();
    const serialNumber = this.#serialNumber();
    // Two nodes have two names, so that a device that trusts both finds the right one.
    const name = encodeName(
      ['O', 'Millrace'],
      ['CN', `Millrace device CA ${serialNumber.toString('hex').slice(0, 8)}`],
    );
    const now = this.#clock.now();
    const der = await makeCertificate(
      {
        subject: name,
        issuer: name,
        serialNumber,
        notBefore: now - CERTIFICATE_LIMITS.backdatedHours * 3_600_000,
        notAfter: now + CERTIFICATE_LIMITS.authorityDays * DAY_MS,
        publicKey,
        extensions: [extension.authority, extension.keyUsage('authority'), extension.subjectKey(publicKey)],
      },
      privateKey,
    );
    const stored = { ...identityOf(der, privateKey), createdAt: now };
    try {
      await this.#identities.create(AUTHORITY, stored);
    } catch (error) {
      assert(!hasCode(error, 'already-exists'), 'another node on these records has made an authority meanwhile');
      throw error;
    }
    return stored;
  }

  /** 16 bytes of chance, positive and without a leading zero. */
  #serialNumber(): Buffer {
    const serial = this.#random.bytes(16);
    serial[0] = (serial[0]! & 0x3f) | 0x40;
    return serial;
  }
}

function identityOf(der: Buffer, key: KeyObject): Identity {
  return { cert: encodePem('CERTIFICATE', der), key: key.export({ type: 'pkcs8', format: 'pem' }) as string };
}

function loaded({ cert, key }: Stored): Loaded {
  const read = new X509Certificate(cert);
  return {
    pem: cert,
    subject: readNames(decodePem(cert, 'CERTIFICATE')[0]!).subject,
    key: createPrivateKey(key),
    publicKey: createPublicKey(cert),
    notBefore: read.validFromDate.getTime(),
    notAfter: read.validToDate.getTime(),
  };
}
