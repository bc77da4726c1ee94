import type { TraceContext } from '../../telemetry/index.ts';

/** How rules append to streams; the kinesis door implements it. */
export interface KinesisPort {
  /**
   * Enqueues one record, synchronously: it is durable once a {@link committed} called after it resolves.
   *
   * @param partitionKey  1 to 256 characters
   * @param data  not copied before it is durable: do not change it
   * @throws DomainError  no such stream, record too large, throughput exceeded: nothing was enqueued
   */
  appendRecord(streamName: string, partitionKey: string, data: Uint8Array, trace?: TraceContext): void;

  /** Resolves when everything enqueued before the call is durable. @throws DomainError  it is not known whether it is */
  committed(): Promise<void>;
}
