/* Certificates by which servers behind REST APIs know API Gateway. */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock, Random } from '../../base/index.ts';
import { encodeName, encodePem, extension, makeCertificate } from '../../codec/x509/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { limitExceeded, notFound } from './errors.ts';
import { REST_API_LIMITS } from './limits.ts';

export interface ClientCertificate {
  readonly id: string;
  readonly region: string;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

const YEAR_MS = 365 * 86_400_000;
const SERIAL_BYTES = 16;

/** RSA, as those of AWS: what stands behind an API need not know anything else. */
const generateAsync = promisify(generateKeyPair) as (
  type: 'rsa',
  options: { readonly modulusLength: number },
) => Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>;

/** All of them in memory, every change durable when it resolves. */
export class ClientCertificates {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #kept: Registry<ClientCertificate>;

  private constructor(kept: Registry<ClientCertificate>, clock: Clock, random: Random) {
    this.#kept = kept;
    this.#clock = clock;
    this.#random = random;
  }

  /** @param secrets  where keys are kept: encrypted, where the node encrypts */
  static async open(dependencies: {
    readonly secrets: Records;
    readonly clock: Clock;
    readonly random: Random;
  }): Promise<ClientCertificates> {
    const { secrets, clock, random } = dependencies;
    return new ClientCertificates(await Registry.open(secrets, 'apigateway-client-certificates'), clock, random);
  }

  list(region: string): readonly ClientCertificate[] {
    return this.#kept.list().filter((one) => one.region === region);
  }

  find(region: string, id: string): ClientCertificate | undefined {
    const found = this.#kept.get(id);
    return found?.region === region ? found : undefined;
  }

  /** @throws not-found */
  get(region: string, id: string): ClientCertificate {
    const found = this.find(region, id);
    if (!found) throw notFound('Client Certificate');
    return found;
  }

  /** @throws limit-exceeded */
  async generate(given: Pick<ClientCertificate, 'id' | 'region' | 'description' | 'tags'>): Promise<ClientCertificate> {
    const { clientCertificatesMax } = REST_API_LIMITS;
    if (this.#kept.size >= clientCertificatesMax) throw limitExceeded('client certificates', clientCertificatesMax);
    const { privateKey, publicKey } = await generateAsync('rsa', { modulusLength: 2048 });
    const name = encodeName(['CN', 'ApiGateway']);
    const serialNumber = this.#random.bytes(SERIAL_BYTES);
    serialNumber[0]! &= 0x7f;
    const createdAt = this.#clock.now();
    const expiresAt = createdAt + YEAR_MS;
    const extensions = [extension.noAuthority, extension.keyUsage('digitalSignature'), extension.purpose('clientAuth')];
    const times = { notBefore: createdAt, notAfter: expiresAt };
    const content = { subject: name, issuer: name, serialNumber, ...times, publicKey, extensions };
    const certificate = encodePem('CERTIFICATE', await makeCertificate(content, privateKey));
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await this.#kept.create(given.id, { ...given, certificate, key, createdAt, expiresAt });
    return this.#kept.get(given.id)!;
  }

  /** @throws not-found, and what `decide` throws */
  async change(
    region: string,
    id: string,
    decide: (before: ClientCertificate) => ClientCertificate,
  ): Promise<ClientCertificate> {
    await this.#kept.put(id, decide(this.get(region, id)));
    return this.#kept.get(id)!;
  }

  /** @throws not-found */
  async delete(region: string, id: string): Promise<void> {
    this.get(region, id);
    await this.#kept.delete(id);
  }
}
