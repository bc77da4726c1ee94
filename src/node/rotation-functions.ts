import { ACCOUNT_ID, DEFAULT_REGION, DomainError, parseArn, type Random, uuid } from '../base/index.ts';
import type { Authority } from '../services/iam/index.ts';
import type { OperationContext } from '../services/index.ts';
import type { Lambda } from '../services/lambda/index.ts';
import type { SecretsManagerDependencies } from '../services/secretsmanager/index.ts';
import { newTrace } from '../telemetry/index.ts';
import type { NodeConfig } from './config.ts';

const PRINCIPAL = 'secretsmanager.amazonaws.com';

/** What Invoke answers. */
interface Invoked {
  readonly Payload: Uint8Array;
  readonly FunctionError?: string;
}

export interface RotationFunctionsOptions {
  readonly lambda: Pick<Lambda, 'service' | 'invoker'>;
  readonly authority: Pick<Authority, 'decide'>;
  readonly mode: NodeConfig['mode'];
  readonly random: Random;
}

/**
 * Functions as those who rotate secrets know them: by Lambda's own operations, called in the name of Secrets Manager, which on a node
 * that enforces policies a function's own must let it.
 */
export function rotationFunctions(
  options: RotationFunctionsOptions,
): Pick<SecretsManagerDependencies, 'invoke' | 'checkFunction'> {
  const { lambda, random } = options;
  const operations = lambda.service.operations;
  const contextOf = (functionArn: string, sourceArn: string, signal: AbortSignal): OperationContext => ({
    requestId: uuid(random),
    region: parseArn(functionArn)?.region ?? DEFAULT_REGION,
    caller: { accountId: ACCOUNT_ID, arn: PRINCIPAL, service: { principal: PRINCIPAL, sourceArn } },
    endpoint: '',
    signal,
    trace: newTrace(random, false),
  });
  return {
    invoke: async (functionArn, event, secretArn, signal) => {
      const context = contextOf(functionArn, secretArn, signal);
      await checkRight(functionArn, context, options);
      const input = { FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) };
      const answer = (await operations.Invoke!(input, context)) as Invoked;
      if (answer.FunctionError === undefined) return;
      // Its message may hold what the function knows: the error's type says enough, the function's own log has the rest.
      throw new Error(errorTypeOf(answer.Payload));
    },
    checkFunction: async (functionArn, secretArn) => {
      const context = contextOf(functionArn, secretArn, new AbortController().signal);
      try {
        await operations.GetFunctionConfiguration!({ FunctionName: functionArn }, context);
      } catch (cause) {
        throw new DomainError('not-found', `Secrets Manager can't find the Lambda function ${functionArn}.`, { cause });
      }
      await checkRight(functionArn, context, options);
    },
  };
}

async function checkRight(
  functionArn: string,
  { caller, region }: OperationContext,
  { lambda, authority, mode }: RotationFunctionsOptions,
): Promise<void> {
  if (mode !== 'secured') return;
  const resourcePolicy = lambda.invoker.policyOf(functionArn);
  const permission = {
    ...{ action: 'lambda:InvokeFunction', resources: [functionArn] },
    ...(resourcePolicy !== undefined && { resourcePolicy }),
  };
  if ((await authority.decide(caller, [permission], { region, isEncrypted: true })).allowed) return;
  throw new DomainError(
    'access-denied',
    `Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal ${PRINCIPAL}.`,
  );
}

function errorTypeOf(payload: Uint8Array): string {
  try {
    const { errorType } = JSON.parse(Buffer.from(payload).toString()) as { errorType?: unknown };
    return typeof errorType === 'string' ? errorType.slice(0, 100) : 'the function failed';
  } catch {
    return 'the function failed';
  }
}
