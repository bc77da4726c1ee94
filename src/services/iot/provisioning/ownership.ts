import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../../../base/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { PROVISIONING_LIMITS } from './limits.ts';

const SECRET = 'ownership';

/**
 * Tokens by which a device shows that a certificate was made for it. A token holds the certificate's id and its own end, and a code
 * over both by a secret of the node's: nothing is kept of it, and a restart does not end it.
 */
export class OwnershipTokens {
  readonly #secret: Buffer;
  readonly #clock: Clock;

  private constructor(secret: Buffer, clock: Clock) {
    this.#secret = secret;
    this.#clock = clock;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<OwnershipTokens> {
    const secrets = await Registry.open<string>(records, 'iot.provisioning-secrets');
    if (!secrets.has(SECRET)) await secrets.put(SECRET, random.bytes(32).toString('hex'));
    return new OwnershipTokens(Buffer.from(secrets.get(SECRET)!, 'hex'), clock);
  }

  issue(certificateId: string): string {
    const text = `${certificateId}.${this.#clock.now() + PROVISIONING_LIMITS.ownershipMsMax}`;
    return `${Buffer.from(text).toString('base64url')}.${this.#codeOf(text).toString('base64url')}`;
  }

  /** The id of the certificate that a token was made for; `undefined` for any other text, and when it has ended. */
  certificateOf(token: string): string | undefined {
    const [body = '', code = ''] = token.split('.');
    const text = Buffer.from(body, 'base64url').toString();
    const given = Buffer.from(code, 'base64url');
    const right = this.#codeOf(text);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
    const [certificateId, end] = text.split('.');
    return this.#clock.now() < Number(end) ? certificateId : undefined;
  }

  #codeOf(text: string): Buffer {
    return createHmac('sha256', this.#secret).update(text).digest();
  }
}
