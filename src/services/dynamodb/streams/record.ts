import type { EventName, StreamRow } from './row.ts';
import { sequenceText } from './sequence-number.ts';
import type { StreamState } from './state.ts';

/** Parts of a record that are the same for all of a stream. */
export class RecordWriter {
  readonly #id: string;
  readonly #head: string;
  readonly #view: string;
  readonly #tail: string;

  constructor({ id, region, viewType, arn }: Pick<StreamState, 'id' | 'region' | 'viewType' | 'arn'>) {
    this.#id = id;
    this.#head = `"eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"${region}","dynamodb":{`;
    this.#view = `,"StreamViewType":"${viewType}"}`;
    this.#tail = `,"eventSourceARN":"${arn}"}`;
  }

  /** A record as a function's event has it. */
  toEvent(sequence: number, row: StreamRow): string {
    const identity =
      row.by === 'ttl' ? ',"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}' : '';
    return this.#write(sequence, row) + identity + this.#tail;
  }

  /** A record as GetRecords answers it. */
  toAnswer(sequence: number, row: StreamRow): string {
    const identity =
      row.by === 'ttl' ? ',"userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"}' : '';
    return `${this.#write(sequence, row)}${identity}}`;
  }

  /** The part `dynamodb` of a record. */
  toBody(sequence: number, row: StreamRow): string {
    return `{${bodyOf(sequence, row)}${this.#view}`;
  }

  #write(sequence: number, row: StreamRow): string {
    return (
      `{"eventID":"${eventId(this.#id, sequence)}","eventName":"${row.event}",${this.#head}` +
      `${bodyOf(sequence, row)}${this.#view}`
    );
  }
}

/** 32 hexadecimal digits, the same whenever the record is read. */
export function eventId(streamId: string, sequence: number): string {
  return streamId + sequence.toString(16).padStart(16, '0');
}

/** Members of `dynamodb`, all but the last. Times are whole seconds there, rounded down. */
function bodyOf(sequence: number, { at, keys, newImage, oldImage, sizeBytes }: StreamRow): string {
  const images =
    (newImage === undefined ? '' : `,"NewImage":${newImage}`) +
    (oldImage === undefined ? '' : `,"OldImage":${oldImage}`);
  return (
    `"ApproximateCreationDateTime":${Math.floor(at / 1000)},"Keys":${keys}${images}` +
    `,"SequenceNumber":"${sequenceText(sequence)}","SizeBytes":${sizeBytes}`
  );
}

/** What came of an item's change. */
export function eventOf(hadItem: boolean, hasItem: boolean): EventName {
  if (!hasItem) return 'REMOVE';
  return hadItem ? 'MODIFY' : 'INSERT';
}
