import { EventStreamDecoder, encodeStrictly } from '../../codec/aws/index.ts';
import { type Answer, type Client, readJsonAnswer } from '../client.ts';

/** What a function is called with. */
export interface InvocationRequest {
  /** JSON. */
  readonly payload: Buffer;
  readonly qualifier?: string;
}

/** What came of it. */
export interface InvocationAnswer {
  readonly requestId: string;
  /** Empty where the answer was streamed, or will come later. */
  readonly payload: string;
  /** `Unhandled`, or the code by which a stream broke off; absent on success. */
  readonly functionError?: string;
  /** What it has logged, the last 4 KB. */
  readonly log: string;
  /** `$LATEST` or a number. */
  readonly version?: string;
}

/** Waits for the answer. @throws ApiError */
export async function invokeFunction(
  client: Client,
  name: string,
  request: InvocationRequest,
): Promise<InvocationAnswer> {
  const answer = await post(client, name, request, { 'x-amz-invocation-type': 'RequestResponse', ...TAIL });
  const functionError = answer.headers.get('x-amz-function-error');
  const version = answer.headers.get('x-amz-executed-version');
  return {
    requestId: requestIdOf(answer.headers),
    payload: answer.body.toString(),
    log: Buffer.from(answer.headers.get('x-amz-log-result') ?? '', 'base64').toString(),
    ...(functionError !== null && { functionError }),
    ...(version !== null && { version }),
  };
}

/** Queues the event. @returns the id of the request @throws ApiError */
export async function queueEvent(client: Client, name: string, request: InvocationRequest): Promise<string> {
  const { headers } = await post(client, name, request, { 'x-amz-invocation-type': 'Event' });
  return requestIdOf(headers);
}

/** Hands the answer over as it comes. @throws ApiError */
export async function streamFunction(
  client: Client,
  name: string,
  request: InvocationRequest,
  take: (chunk: Uint8Array) => void,
): Promise<InvocationAnswer> {
  const path = functionPath('2021-11-15', name, 'response-streaming-invocations', request.qualifier);
  const { headers, body } = await client.stream('lambda', 'POST', path, {
    headers: { 'content-type': 'application/json', ...TAIL },
    body: request.payload,
  });
  const decoder = new EventStreamDecoder();
  let end: StreamEnd = {};
  for await (const bytes of body) {
    for (const { headers: names, payload } of decoder.push(bytes)) {
      const type = names.get(':event-type');
      if (type === 'PayloadChunk') take(payload);
      else if (type === 'InvokeComplete') end = JSON.parse(Buffer.from(payload).toString() || '{}');
    }
  }
  const version = headers.get('x-amz-executed-version');
  return {
    requestId: requestIdOf(headers),
    payload: end.ErrorDetails ?? '',
    log: Buffer.from(end.LogResult ?? '', 'base64').toString(),
    ...(end.ErrorCode && { functionError: end.ErrorCode }),
    ...(version !== null && { version }),
  };
}

/** `InvokeComplete`, the last event of a stream. */
interface StreamEnd {
  readonly ErrorCode?: string;
  readonly ErrorDetails?: string;
  readonly LogResult?: string;
}

const TAIL = { 'x-amz-log-type': 'Tail' };

async function post(
  client: Client,
  name: string,
  { payload, qualifier }: InvocationRequest,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const answer = await client.send('lambda', 'POST', functionPath('2015-03-31', name, 'invocations', qualifier), {
    headers: { 'content-type': 'application/json', ...headers },
    body: payload,
  });
  if (answer.status >= 300) readJsonAnswer(answer);
  return answer;
}

function functionPath(version: string, name: string, action: string, qualifier: string | undefined): string {
  const query = qualifier ? `?Qualifier=${encodeStrictly(qualifier)}` : '';
  return `/${version}/functions/${encodeStrictly(name)}/${action}${query}`;
}

function requestIdOf(headers: Headers): string {
  return headers.get('x-amzn-requestid') ?? '';
}
