/** What Lambda tells a destination about an invocation, or a batch, that it has given up. */
export interface FailureRecord {
  readonly functionArn: string;
  readonly condition: string;
  readonly invocations: number;
  readonly requestId?: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly errorType?: string;
  readonly errorMessage?: string;
  /** The event, letter for letter; absent from the record of a batch, which names its records and does not hold them. */
  readonly payload?: string;
  /** What a record of a batch says of it, in words. */
  readonly batch?: string;
}

/**
 * Reads an invocation record; `undefined` for any other text.
 *
 * @see Lambda developer guide, "Capturing records of Lambda asynchronous invocations" and "Retain discarded batch records"
 */
export function readRecord(body: string): FailureRecord | undefined {
  // Most messages are none: they should not cost a parse.
  if (!body.startsWith('{') || !body.includes('"requestContext"') || !body.includes('"functionArn"')) return undefined;
  const record = parse(body) as RawRecord | undefined;
  const { functionArn, condition, approximateInvokeCount, requestId } = record?.requestContext ?? {};
  if (typeof functionArn !== 'string' || typeof condition !== 'string') return undefined;
  const { errorType, errorMessage } = objectOf(record!.responsePayload);
  const payload = memberText(body, 'requestPayload');
  const batch = record!.KinesisBatchInfo ?? record!.DDBStreamBatchInfo;
  return {
    functionArn: functionArn.replace(/:\$LATEST$/, ''),
    condition,
    invocations: Number(approximateInvokeCount ?? 0),
    ...(typeof requestId === 'string' && { requestId }),
    at: Date.parse(String(record!.timestamp)),
    ...(typeof errorType === 'string' && { errorType }),
    ...(typeof errorMessage === 'string' && { errorMessage }),
    ...(payload !== undefined && { payload }),
    ...(batch && { batch: wordsOf(batch) }),
  };
}

interface RawRecord {
  readonly timestamp?: unknown;
  readonly requestContext?: Readonly<Record<string, unknown>>;
  readonly responsePayload?: unknown;
  readonly KinesisBatchInfo?: BatchInfo;
  readonly DDBStreamBatchInfo?: BatchInfo;
}

type BatchInfo = Readonly<Record<string, unknown>>;

function wordsOf({
  batchSize,
  shardId,
  startSequenceNumber,
  endSequenceNumber,
  approximateArrivalOfFirstRecord,
}: BatchInfo) {
  return (
    `${batchSize} records of ${shardId}, from ${startSequenceNumber} to ${endSequenceNumber}. They are not in this record: ` +
    `replay the event source mapping from ${approximateArrivalOfFirstRecord} to read them again.`
  );
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Strings whole, and single marks. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{},:]/g;

/** The text of a member of a JSON object, as it stands: reading and writing it again would round long numbers. */
export function memberText(json: string, name: string): string | undefined {
  const key = JSON.stringify(name);
  let depth = 0;
  let from: number | undefined;
  let last = '';
  for (const { 0: token, index } of json.matchAll(TOKENS)) {
    if (from !== undefined && depth === 1 && (token === ',' || token === '}')) return json.slice(from, index).trim();
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
    if (from === undefined && token === ':' && depth === 1 && last === key) from = index + 1;
    last = token;
  }
  return undefined;
}
