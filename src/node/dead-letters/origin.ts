/** Where a dead letter comes from, as the outbox notes it. */
export interface DeadLetterOrigin {
  readonly arn: string;
  readonly source: string;
  readonly attempts: number;
  readonly errorCode: string;
  readonly errorMessage: string;
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly givenUpAt: number;
  readonly traceId: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}
