import { type Random, uuid } from '../../base/index.ts';
import type { Delivery, Target } from '../../delivery/index.ts';
import type { Log } from '../../store/index.ts';
import { streamNotFound } from './errors.ts';
import { parseExplicitHashKey } from './hash-key.ts';
import type { Streams } from './streams.ts';

/**
 * Streams as a target of deliveries. Attributes: `partitionKey` and `explicitHashKey`, both strings and both optional;
 * without a key the ordering group is it, and without that a random one.
 */
export class KinesisTarget implements Target {
  readonly #streams: Streams;
  readonly #log: Log;
  readonly #random: Random;

  constructor(streams: Streams, log: Log, random: Random) {
    this.#streams = streams;
    this.#log = log;
    this.#random = random;
  }

  async deliver({ arn, payload, attributes, orderingGroup, trace }: Delivery): Promise<void> {
    const stream = this.#streams.byArn(arn);
    if (!stream) throw streamNotFound(arn);
    const partitionKey = String(attributes?.partitionKey ?? orderingGroup ?? uuid(this.#random));
    const explicit = attributes?.explicitHashKey;
    const shard =
      explicit === undefined ? stream.route(partitionKey) : stream.routeHash(parseExplicitHashKey(String(explicit)));
    stream.enqueue(partitionKey, payload, trace, shard);
    await this.#log.committed();
  }
}
