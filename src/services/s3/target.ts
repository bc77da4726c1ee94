import { DomainError, parseArn } from '../../base/index.ts';
import type { Delivery, Target } from '../../delivery/index.ts';
import type { Objects } from '../../store/index.ts';

/** Failures of the store that another try may mend. */
const PASSING = new Set(['objects-full', 'objects-failed']);

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
      const { code, message } = error as DomainError;
      throw new DomainError(code, message, { cause: error, remedy: PASSING.has(code) ? 'retry' : 'never' });
    }
  }
}

async function* bodyOf(payload: Uint8Array): AsyncGenerator<Uint8Array> {
  yield payload;
}
