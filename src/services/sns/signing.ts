import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { type Clock, type Random, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { makeSigningCertificate } from './certificate.ts';
import { SNS_LIMITS } from './model.ts';

/**
 * A certificate of the node's and its key; registry key: the id. It stands among the records, in the data directory that is the
 * node's own user's alone.
 */
interface Stored {
  /** 32 hex digits. */
  readonly id: string;
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
  /** Epoch milliseconds. */
  readonly endsAt: number;
}

export type SignatureVersion = '1' | '2';

/** A signature and where its certificate is found. */
export interface Signature {
  readonly version: SignatureVersion;
  /** Base64. */
  readonly value: string;
  /** `/SimpleNotificationService-<id>.pem` */
  readonly path: string;
}

const DAY_MS = 86_400_000;
const ALGORITHMS = { 1: 'RSA-SHA1', 2: 'RSA-SHA256' } as const;
const PREFIX = '/SimpleNotificationService-';

/**
 * Signs what goes out, with a certificate that the node makes itself and serves.
 *
 * The first message that needs it makes the certificate. Before it ends another one takes over; the old one is served until its
 * end, for messages that are still on their way.
 *
 * @see Amazon SNS developer guide, "Verifying the signatures of Amazon SNS messages"
 */
export class Signer {
  readonly #certificates: Registry<Stored>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();
  #current: { readonly stored: Stored; readonly key: KeyObject } | undefined;

  private constructor(certificates: Registry<Stored>, clock: Clock, random: Random) {
    this.#certificates = certificates;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<Signer> {
    return new Signer(await Registry.open<Stored>(records, 'sns/certificates'), clock, random);
  }

  /** The path under which every certificate is served begins with it. */
  static readonly prefix = PREFIX;

  /** The certificate at a path, PEM; `undefined` when there is none, or it has ended. */
  certificateAt(path: string): string | undefined {
    const id = path.startsWith(PREFIX) && path.endsWith('.pem') ? path.slice(PREFIX.length, -4) : '';
    const found = this.#certificates.get(id);
    return found && found.endsAt > this.#clock.now() ? found.certificate : undefined;
  }

  async sign(text: string, version: SignatureVersion): Promise<Signature> {
    const { stored, key } = this.#usable() ?? (await this.#turns.run('renew', () => this.#renew()));
    const value = await signAsync(ALGORITHMS[version], Buffer.from(text), key);
    return { version, value: value.toString('base64'), path: `${PREFIX}${stored.id}.pem` };
  }

  #usable() {
    const usable = this.#current && this.#isFresh(this.#current.stored);
    return usable ? this.#current : undefined;
  }

  #isFresh({ endsAt }: Stored): boolean {
    const days = (endsAt - this.#clock.now()) / DAY_MS;
    // One that a clock which was ahead has made is not valid yet.
    return days > SNS_LIMITS.certificateRenewalDays && days <= SNS_LIMITS.certificateDays;
  }

  async #renew() {
    const found = this.#certificates.list().find((one) => this.#isFresh(one)) ?? (await this.#make());
    for (const { id, endsAt } of this.#certificates.list()) {
      if (endsAt <= this.#clock.now()) await this.#certificates.delete(id);
    }
    this.#current = { stored: found, key: createPrivateKey(found.key) };
    return this.#current;
  }

  async #make(): Promise<Stored> {
    const now = this.#clock.now();
    const endsAt = now + SNS_LIMITS.certificateDays * DAY_MS;
    const serial = this.#random.bytes(16);
    const id = serial.toString('hex');
    const { certificate, key } = await makeSigningCertificate('sns.amazonaws.com', serial, now, endsAt);
    const stored = { id, certificate, key, endsAt };
    await this.#certificates.create(id, stored);
    return stored;
  }
}

const signAsync = promisify(sign) as (algorithm: string, data: Buffer, key: KeyObject) => Promise<Buffer>;
