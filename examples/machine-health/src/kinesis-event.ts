/** The parts of Lambda's Kinesis event that we use, as AWS documents it. */
export interface KinesisEvent {
  readonly Records: readonly KinesisRecord[];
}

export interface KinesisRecord {
  readonly kinesis: {
    /** The device: the rule takes it from the topic, which the device's policy has let through. */
    readonly partitionKey: string;
    readonly sequenceNumber: string;
    /** Base64. */
    readonly data: string;
    /** Epoch seconds. */
    readonly approximateArrivalTimestamp: number;
  };
}

/** What a function with `ReportBatchItemFailures` answers: the batch comes again from the first of these on. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}
