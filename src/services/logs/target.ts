import { type Clock, parseArn } from '../../base/index.ts';
import type { Delivery, Target } from '../../delivery/index.ts';
import type { EmbeddedMetrics } from './embedded-metrics.ts';
import { groupNotFound, invalidParameter } from './errors.ts';
import type { Groups } from './groups.ts';
import { LOGS_LIMITS } from './model.ts';

/**
 * Log groups as a target of deliveries (`arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, with or without `:*`): the payload is one
 * event, at the time of the delivery. Attributes: `logStreamName`; without it the stream is named after the source. Streams are
 * made as they are needed, groups are not: one that is not there gives the delivery up.
 */
export class LogsTarget implements Target {
  readonly #groups: Groups;
  readonly #embedded: EmbeddedMetrics;
  readonly #clock: Clock;

  constructor(groups: Groups, embedded: EmbeddedMetrics, clock: Clock) {
    this.#groups = groups;
    this.#embedded = embedded;
    this.#clock = clock;
  }

  async deliver({ arn, payload, attributes, source }: Delivery): Promise<void> {
    const parsed = parseArn(arn);
    const name = /^log-group:([^:*]+)(?::\*)?$/.exec(parsed?.resource ?? '')?.[1];
    if (!parsed || name === undefined) throw groupNotFound();
    if (payload.length > LOGS_LIMITS.eventBytesMax) {
      throw invalidParameter(`An event has ${payload.length} bytes; ${LOGS_LIMITS.eventBytesMax} is the most.`);
    }
    const group = await this.#groups.get(parsed.region, name);
    const message = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
    const stream = streamName(attributes?.logStreamName, source);
    await group.append([{ stream, events: [{ timestamp: this.#clock.now(), message }] }]);
    this.#embedded.read(name, message);
  }
}

/** A name that the API takes: colons and stars have other meanings there. */
function streamName(given: unknown, source: string): string {
  const name = typeof given === 'string' && given !== '' ? given : (parseArn(source)?.resource ?? source);
  return name.replaceAll(/[:*]/g, '-').slice(0, 512) || 'deliveries';
}
