import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Rejected } from './reading.ts';

/** Limits of SQS SendMessageBatch: entries, and bytes of all bodies with some room for their envelopes. */
const ENTRIES_MAX = 10;
const BYTES_MAX = 240 * 1024;

interface Letter {
  readonly sequenceNumber: string;
  readonly body: string;
}

/** Keeps what could not be read, for people to look at. */
export class DeadLetterQueue {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  /** Sends all of them; @returns the sequence numbers of those that the queue did not take */
  async send(rejected: readonly Rejected[]): Promise<readonly string[]> {
    const failed = await Promise.all(parcels(rejected.map(letterOf)).map((parcel) => this.#sendParcel(parcel)));
    return failed.flat();
  }

  async #sendParcel(parcel: readonly Letter[]): Promise<readonly string[]> {
    const Entries = parcel.map(({ body }, index) => ({ Id: String(index), MessageBody: body }));
    try {
      const { Failed = [] } = await this.#client.send(
        new SendMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries }),
      );
      return Failed.map(({ Id }) => parcel[Number(Id)]!.sequenceNumber);
    } catch (error) {
      console.error(`the dead-letter queue took none of ${parcel.length}: ${(error as Error).message}`);
      return parcel.map(({ sequenceNumber }) => sequenceNumber);
    }
  }
}

function letterOf({ record: { kinesis }, reason }: Rejected): Letter {
  const body = JSON.stringify({
    reason,
    device: kinesis.partitionKey,
    sequenceNumber: kinesis.sequenceNumber,
    arrivedAt: new Date(kinesis.approximateArrivalTimestamp * 1000).toISOString(),
    data: kinesis.data,
  });
  return { sequenceNumber: kinesis.sequenceNumber, body };
}

function parcels(letters: readonly Letter[]): Letter[][] {
  const all: Letter[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const letter of letters) {
    const size = Buffer.byteLength(letter.body);
    if (bytes + size > BYTES_MAX || all.at(-1)!.length === ENTRIES_MAX) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)!.push(letter);
    bytes += size;
  }
  return all;
}
