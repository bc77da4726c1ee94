import { type Clock, isAbort, parseArn, type Random, uuid } from '../base/index.ts';
import type { DeliveryService } from '../delivery/index.ts';
import { type Logger, newTrace } from '../telemetry/index.ts';
import { backoffMs, type DiscardCondition, type Work } from './attempt.ts';
import { discardDocument } from './discard.ts';
import { POLLER_LIMITS, type StreamSettings } from './settings.ts';
import type { InvocationOutcome, StreamSource } from './source.ts';

/**
 * Keeps an object in a bucket; durable when it resolves.
 * @param functionArn  whose records they are: its role must be able to put them
 */
export type PutObject = (bucket: string, key: string, body: Uint8Array, functionArn: string) => Promise<void>;

export interface DestinationOptions {
  readonly settings: StreamSettings;
  readonly source: Pick<StreamSource, 'streamArn' | 'batchInfo'>;
  readonly delivery: Pick<DeliveryService, 'send'>;
  readonly putObject: PutObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Tries of a discarded batch's document before it is a matter for the log. */
export const DESTINATION_POLICY = {
  attemptsMax: 100,
  ageMsMax: 6 * 3_600_000,
  backoffMsBase: 1000,
  backoffMsMax: 300_000,
};

/** The on-failure destination of a mapping: queues and topics through the outbox, buckets directly, since they get the whole event. */
export class Destination {
  readonly #options: DestinationOptions;

  constructor(options: DestinationOptions) {
    this.#options = options;
  }

  /**
   * Tells the destination of a discarded batch; the document is durable when it resolves.
   *
   * @param event  the JSON of the invocation's event, for buckets
   * @returns false when there is no destination, or its bucket did not take it
   */
  async tell(
    discarded: { readonly work: Work; readonly condition: DiscardCondition; readonly shardId: string },
    last: InvocationOutcome | undefined,
    event: () => string,
    stop: AbortSignal,
  ): Promise<boolean> {
    const { settings, source, clock } = this.#options;
    const arn = settings.onFailureArn;
    if (arn === undefined) return false;
    const context = { settings, source, now: clock.now() };
    const bucket = parseArn(arn)?.service === 's3' ? parseArn(arn)!.resource : undefined;
    if (bucket === undefined) {
      await this.#send(arn, discardDocument(discarded, last, context));
      return true;
    }
    const document = Buffer.from(discardDocument(discarded, last, { ...context, payload: event() }));
    return this.#keep(bucket, document, discarded.shardId, stop);
  }

  async #send(arn: string, document: string): Promise<void> {
    const { settings, delivery, random } = this.#options;
    const payload = Buffer.from(document);
    const trace = newTrace(random);
    await delivery.send([{ arn, payload, policy: DESTINATION_POLICY, source: settings.mappingArn, trace }]);
  }

  async #keep(bucket: string, document: Buffer, shardId: string, stop: AbortSignal): Promise<boolean> {
    const { settings, putObject, clock, random, logger } = this.#options;
    const key = objectKey(settings.id, shardId, clock.now(), uuid(random));
    for (let attempt = 1; ; attempt++) {
      try {
        await putObject(bucket, key, document, settings.functionArn);
        return true;
      } catch (error) {
        if (isAbort(error)) throw error;
        logger.warn('destination-failed', { bucket, key, attempt, error });
        if (attempt >= POLLER_LIMITS.archiveAttemptsMax) return false;
        await clock.sleep(backoffMs(attempt, random.next()), stop);
      }
    }
  }
}

/** `aws/lambda/MAPPING/SHARD/2026/01/31/2026-01-31T23.59.59-RANDOM`, as AWS names it. */
export function objectKey(mapping: string, shardId: string, at: number, random: string): string {
  const [day, time] = new Date(at).toISOString().slice(0, 19).split('T') as [string, string];
  return `aws/lambda/${mapping}/${shardId}/${day.replaceAll('-', '/')}/${day}T${time.replaceAll(':', '.')}-${random}`;
}
