import { ACCOUNT_ID, abortable, DEFAULT_REGION, formatArn, parseArn, type Random, uuid } from '../base/index.ts';
import type { Authority } from '../services/iam/index.ts';
import type { Caller } from '../services/index.ts';
import type { InvokeFunction } from '../services/iot/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import { newTrace } from '../telemetry/index.ts';
import type { NodeConfig } from './config.ts';
import type { Denials } from './denials.ts';

/** What Invoke answers. */
interface Invoked {
  readonly Payload: Uint8Array;
  readonly FunctionError?: string;
}

const PRINCIPAL = 'iot.amazonaws.com';

/**
 * Invokes functions for AWS IoT (authorizers, hooks of provisioning), by the operation that callers over HTTP use. The function's own policy
 * must let it, or whoever may make an authorizer could call every function; `dev` calls all the same and tells what is missing.
 */
export function functionInvoker(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly lambda: Pick<Lambda, 'service' | 'invoker'>;
    readonly authority: Pick<Authority, 'decide'>;
    readonly denials: Pick<Denials, 'tell'>;
    readonly random: Random;
  },
): InvokeFunction {
  const { mode, authorization, lambda, authority, denials, random } = options;

  const refusal = async (functionArn: string, sourceArn: string, region: string): Promise<string | undefined> => {
    if (authorization === 'off') return undefined;
    const caller: Caller = { accountId: ACCOUNT_ID, arn: PRINCIPAL, service: { principal: PRINCIPAL, sourceArn } };
    const resourcePolicy = lambda.invoker.policyOf(functionArn);
    const permission = {
      ...{ action: 'lambda:InvokeFunction', resources: [functionArn] },
      ...(resourcePolicy !== undefined && { resourcePolicy }),
    };
    const verdict = await authority.decide(caller, [permission], { region, isEncrypted: true });
    if (verdict.allowed) return undefined;
    if (verdict.denial) denials.tell(caller, verdict.denial, sourceArn);
    return mode === 'secured' ? verdict.message : undefined;
  };

  return async (functionArn, event, sourceArn, signal) => {
    const region = parseArn(functionArn)?.region ?? DEFAULT_REGION;
    const reason = await refusal(functionArn, sourceArn, region);
    if (reason !== undefined) return { kind: 'failed', reason };
    const input = { FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) };
    const invoked = lambda.service.operations.Invoke!(input, {
      requestId: uuid(random),
      region,
      caller: { accountId: ACCOUNT_ID, arn: formatArn('iam', '', ACCOUNT_ID, 'root') },
      endpoint: '',
      signal,
      trace: newTrace(random, false),
    });
    const { Payload, FunctionError } = (await abortable(Promise.resolve(invoked), signal)) as Invoked;
    const text = Buffer.from(Payload).toString();
    if (FunctionError !== undefined) return { kind: 'failed', reason: text.slice(0, 500) };
    return { kind: 'returned', value: JSON.parse(text || 'null') };
  };
}
