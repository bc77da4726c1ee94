import { isAbort, messageOf, onAbort } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { Asynchronous } from '../asynchronous.ts';
import { invalidParameter, LambdaError } from '../errors.ts';
import type { Functions } from '../functions.ts';
import type { Invocations } from '../invocations.ts';
import { LAMBDA_LIMITS } from '../model.ts';
import { named } from './shapes.ts';

/** Base64 characters of a client context: 3,583 bytes at most, as AWS documents. */
const CLIENT_CONTEXT_MAX = 3583;
/** What a function gets when the caller sends nothing. */
const EMPTY_EVENT = Buffer.from('{}');

interface InvokeInput {
  readonly FunctionName: string;
  readonly Qualifier?: string;
  readonly InvocationType?: 'RequestResponse' | 'Event' | 'DryRun';
  readonly LogType?: 'None' | 'Tail';
  readonly ClientContext?: string;
  readonly Payload?: Uint8Array;
  readonly DurableExecutionName?: string;
  readonly TenantId?: string;
}

/** Invoke, InvokeWithResponseStream and the older InvokeAsync. */
export function invokeOperations(
  functions: Functions,
  invocations: Invocations,
  asynchronous: Asynchronous,
): Record<string, Operation> {
  const invoke: Operation<InvokeInput> = async (input, context) => {
    const { region, name, qualifier } = named(input, context);
    const payload = input.Payload?.length ? input.Payload : EMPTY_EVENT;
    const { ClientContext: clientContext, InvocationType = 'RequestResponse' } = input;
    checkInvocation(input);
    const invocation = { requestId: context.requestId, payload, trace: context.trace };
    const more = clientContext === undefined ? {} : { clientContext };
    if (InvocationType === 'DryRun') {
      functions.resolve(region, name, qualifier);
      return { StatusCode: 204 };
    }
    if (InvocationType === 'Event') {
      checkSize(payload, LAMBDA_LIMITS.eventBytesMax);
      checkJson(payload);
      await asynchronous.send(region, name, qualifier, { ...invocation, ...more });
      return { StatusCode: 202 };
    }
    checkSize(payload, LAMBDA_LIMITS.requestBytesMax);
    const runnable = invocations.runnable(region, name, qualifier);
    const { result, executedVersion } = await invocations
      .invoke(runnable, { ...invocation, ...more }, { wait: false, signal: context.signal })
      .catch(unlessAborted);
    return {
      StatusCode: 200,
      ExecutedVersion: executedVersion,
      Payload: result.payload,
      ...(result.kind === 'error' ? { FunctionError: 'Unhandled' } : {}),
      ...(input.LogType === 'Tail' ? { LogResult: Buffer.from(result.logTail).toString('base64') } : {}),
    };
  };

  const invokeStreaming: Operation<InvokeInput> = async (input, context) => {
    const { region, name, qualifier } = named(input, context);
    const payload = input.Payload?.length ? input.Payload : EMPTY_EVENT;
    const { ClientContext: clientContext, InvocationType = 'RequestResponse' } = input;
    checkInvocation(input);
    if (InvocationType === 'DryRun') {
      functions.resolve(region, name, qualifier);
      return { StatusCode: 204, EventStream: [] };
    }
    if (InvocationType === 'Event')
      throw invalidParameter('InvokeWithResponseStream does not support Event invocations.');
    checkSize(payload, LAMBDA_LIMITS.requestBytesMax);
    checkJson(payload);
    const { requestId, trace, signal } = context;
    const invocation = { requestId, payload, trace, ...(clientContext === undefined ? {} : { clientContext }) };
    const runnable = invocations.runnable(region, name, qualifier);
    const EventStream = await invocations.invokeStreaming(runnable, invocation, {
      wait: false,
      logTail: input.LogType === 'Tail',
    });
    // A client that goes before it has read anything never asks for the first event.
    onAbort(signal, () => EventStream.close());
    return { StatusCode: 200, ExecutedVersion: runnable.spec.version, EventStream };
  };

  return {
    Invoke: invoke,
    InvokeWithResponseStream: invokeStreaming,
    InvokeAsync: async (input, context) => {
      const Payload = await collect(input.InvokeArgs);
      await invoke({ FunctionName: input.FunctionName, InvocationType: 'Event', Payload }, context);
      return { Status: 202 };
    },
  };
}

function checkSize(payload: Uint8Array, limit: number): void {
  if (payload.length <= limit) return;
  const message =
    limit === LAMBDA_LIMITS.eventBytesMax
      ? `${payload.length} byte payload is too large for the Event invocation type (limit ${limit} bytes)`
      : `Request must be smaller than ${limit} bytes for the InvokeFunction operation`;
  throw new LambdaError('request-too-large', message);
}

/** An event is parsed before it is taken over: afterwards nobody is left to be told. */
function checkJson(payload: Uint8Array): void {
  try {
    JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'));
  } catch (error) {
    throw new LambdaError(
      'request-content-invalid',
      `Could not parse request body into json: Could not parse payload into json: ${messageOf(error)}`,
    );
  }
}

/** @throws invalid-parameter, request-content-invalid: what the node has not, by name */
function checkInvocation({ ClientContext, DurableExecutionName, TenantId }: InvokeInput): void {
  if (DurableExecutionName !== undefined) {
    throw invalidParameter('DurableExecutionName is not supported: durable functions are not built.');
  }
  if (TenantId !== undefined) throw invalidParameter('TenantId is not supported: tenant isolation is not built.');
  checkClientContext(ClientContext);
}

function checkClientContext(context: string | undefined): void {
  if (context === undefined) return;
  if (context.length > CLIENT_CONTEXT_MAX) throw invalidParameter('Client context must be at most 3583 bytes');
  try {
    JSON.parse(Buffer.from(context, 'base64').toString('utf8'));
  } catch {
    throw new LambdaError('request-content-invalid', 'Client context must be a valid Base64-encoded JSON object.');
  }
}

function unlessAborted(error: unknown): never {
  if (!isAbort(error)) throw error;
  throw new LambdaError('invocation-failed', 'The node is draining', { cause: error, remedy: 'retry' });
}

async function collect(body: AsyncIterable<Uint8Array> | Uint8Array | undefined): Promise<Uint8Array> {
  if (!body || body instanceof Uint8Array) return body ?? EMPTY_EVENT;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LAMBDA_LIMITS.eventBytesMax) checkSize({ length: size } as Uint8Array, LAMBDA_LIMITS.eventBytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
