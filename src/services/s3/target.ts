import { type Clock, DomainError, parseArn } from '../../base/index.ts';
import type { Delivery, Target } from '../../delivery/index.ts';
import type { Objects } from '../../store/index.ts';
import { lockOf } from './locks.ts';
import type { Settings } from './settings.ts';

/** Failures that no other try mends: all else may pass, a restart of the node included. */
const PERMANENT = new Set(['bucket-not-found', 'key-invalid']);

export interface TargetGround {
  readonly objects: Objects;
  readonly settings: Pick<Settings, 'peek'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Buckets as a target of deliveries: the payload is the object. Attribute: `key`, the object's name. */
export class BucketTarget implements Target {
  readonly #objects: Objects;
  readonly #settings: Pick<Settings, 'peek'>;
  readonly #clock: Pick<Clock, 'now'>;

  constructor({ objects, settings, clock }: TargetGround) {
    this.#objects = objects;
    this.#settings = settings;
    this.#clock = clock;
  }

  async deliver({ arn, payload, attributes }: Delivery): Promise<void> {
    const bucket = parseArn(arn)?.resource ?? '';
    const key = attributes?.key;
    if (typeof key !== 'string') throw new DomainError('object-key-missing', `a delivery to ${arn} names no object`);
    try {
      const metadata = { 'content-type': 'application/json' };
      const lock = lockOf({}, this.#settings, bucket, this.#clock.now());
      await this.#objects.put(bucket, key, bodyOf(payload), { metadata, ...lock });
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
