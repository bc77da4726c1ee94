import { DomainError, parseArn } from '../../base/index.ts';
import type { Delivery, Target } from '../../delivery/index.ts';
import type { Objects } from '../../store/index.ts';

/** Failures that no other try mends: all else may pass, a restart of the node included. */
const PERMANENT = new Set(['bucket-not-found', 'key-invalid']);

/** Buckets as a target of deliveries: the payload is the object. Attribute: `key`, the object's name. */
export class BucketTarget implements Target {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  async deliver({ arn, payload, attributes }: Delivery): Promise<void> {
    const bucket = parseArn(arn)?.resource ?? '';
    const key = attributes?.key;
    if (typeof key !== 'string') throw new DomainError('object-key-missing', `a delivery to ${arn} names no object`);
    try {
      await this.#objects.put(bucket, key, bodyOf(payload), { metadata: { 'content-type': 'application/json' } });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const { code, message } = error;
      throw new DomainError(code, message, { cause: error, remedy: PERMANENT.has(code) ? 'never' : 'retry' });
    }
  }
}

async function* bodyOf(payload: Uint8Array): AsyncGenerator<Uint8Array> {
  yield payload;
}
