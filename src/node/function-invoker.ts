import { ACCOUNT_ID, DEFAULT_REGION, formatArn, parseArn, type Random, uuid } from '../base/index.ts';
import type { Operation } from '../services/index.ts';
import type { InvokeFunction } from '../services/iot/index.ts';
import { newTrace } from '../telemetry/index.ts';

/** What Invoke answers. */
interface Invoked {
  readonly Payload: Uint8Array;
  readonly FunctionError?: string;
}

/** Invokes functions for other services, by the operation that callers over HTTP use. */
export function functionInvoker(invoke: Operation, random: Random): InvokeFunction {
  return async (functionArn, event, signal) => {
    const region = parseArn(functionArn)?.region ?? DEFAULT_REGION;
    const input = { FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) };
    const { Payload, FunctionError } = (await invoke(input, {
      requestId: uuid(random),
      region,
      caller: { accountId: ACCOUNT_ID, arn: formatArn('iam', '', ACCOUNT_ID, 'root') },
      endpoint: '',
      signal,
      trace: newTrace(random, false),
    })) as Invoked;
    const text = Buffer.from(Payload).toString();
    if (FunctionError !== undefined) return { kind: 'failed', reason: text.slice(0, 500) };
    return { kind: 'returned', value: JSON.parse(text || 'null') };
  };
}
