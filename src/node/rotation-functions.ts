import { ACCOUNT_ID, DEFAULT_REGION, formatArn, parseArn, type Random, uuid } from '../base/index.ts';
import type { OperationContext, Service } from '../services/index.ts';
import type { SecretsManagerDependencies } from '../services/secretsmanager/index.ts';
import { newTrace } from '../telemetry/index.ts';

/** What Invoke answers. */
interface Invoked {
  readonly Payload: Uint8Array;
  readonly FunctionError?: string;
}

/** Functions as those who rotate secrets know them: by Lambda's own operations, called in the name of Secrets Manager. */
export function rotationFunctions(
  lambda: Pick<Service, 'operations'>,
  random: Random,
): Pick<SecretsManagerDependencies, 'invoke' | 'checkFunction'> {
  const contextOf = (functionArn: string, sourceArn: string, signal: AbortSignal): OperationContext => ({
    requestId: uuid(random),
    region: parseArn(functionArn)?.region ?? DEFAULT_REGION,
    caller: {
      accountId: ACCOUNT_ID,
      arn: formatArn('iam', '', ACCOUNT_ID, 'root'),
      service: { principal: 'secretsmanager.amazonaws.com', sourceArn },
    },
    endpoint: '',
    signal,
    trace: newTrace(random, false),
  });
  return {
    invoke: async (functionArn, event, secretArn, signal) => {
      const input = { FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) };
      const answer = (await lambda.operations.Invoke!(input, contextOf(functionArn, secretArn, signal))) as Invoked;
      if (answer.FunctionError === undefined) return;
      // Its message may hold what the function knows: the error's type says enough, the function's own log has the rest.
      throw new Error(errorTypeOf(answer.Payload));
    },
    checkFunction: async (functionArn, secretArn) => {
      const input = { FunctionName: functionArn };
      await lambda.operations.GetFunctionConfiguration!(
        input,
        contextOf(functionArn, secretArn, new AbortController().signal),
      );
    },
  };
}

function errorTypeOf(payload: Uint8Array): string {
  try {
    const { errorType } = JSON.parse(Buffer.from(payload).toString()) as { errorType?: unknown };
    return typeof errorType === 'string' ? errorType.slice(0, 100) : 'the function failed';
  } catch {
    return 'the function failed';
  }
}
