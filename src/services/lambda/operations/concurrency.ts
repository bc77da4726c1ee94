import type { Operation } from '../../index.ts';
import { LambdaError } from '../errors.ts';
import type { Functions } from '../functions.ts';
import { LAMBDA_LIMITS } from '../model.ts';
import { named } from './shapes.ts';

/** Reserved concurrency and GetAccountSettings. @param accountConcurrency  the node's limit over all functions */
export function concurrencyOperations(functions: Functions, accountConcurrency: number): Record<string, Operation> {
  const reservedIn = (region: string, except?: string) =>
    functions
      .list(region)
      .filter(({ latest }) => latest.name !== except)
      .reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);

  return {
    PutFunctionConcurrency: async (input, context) => {
      const { region, name } = named(input, context);
      const reserved: number = input.ReservedConcurrentExecutions;
      functions.get(region, name);
      if (accountConcurrency - reservedIn(region, name) - reserved < LAMBDA_LIMITS.unreservedConcurrencyMin) {
        throw new LambdaError(
          'invalid-parameter',
          `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${LAMBDA_LIMITS.unreservedConcurrencyMin}].`,
        );
      }
      await functions.update(region, name, (record) => ({ ...record, reservedConcurrency: reserved }));
      return { ReservedConcurrentExecutions: reserved };
    },

    GetFunctionConcurrency: (input, context) => {
      const { region, name } = named(input, context);
      const { reservedConcurrency } = functions.get(region, name);
      return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
    },

    DeleteFunctionConcurrency: async (input, context) => {
      const { region, name } = named(input, context);
      await functions.update(region, name, ({ reservedConcurrency: _, ...record }) => record);
      return {};
    },

    GetAccountSettings: (_input, { region }) => {
      const all = functions.list(region);
      return {
        AccountLimit: {
          TotalCodeSize: LAMBDA_LIMITS.codeBytesTotalMax,
          CodeSizeUnzipped: LAMBDA_LIMITS.unzippedBytesMax,
          CodeSizeZipped: LAMBDA_LIMITS.zipBytesMax,
          ConcurrentExecutions: accountConcurrency,
          UnreservedConcurrentExecutions: accountConcurrency - reservedIn(region),
        },
        AccountUsage: {
          TotalCodeSize: all.reduce((sum, { latest }) => sum + latest.code.sizeBytes, 0),
          FunctionCount: all.length,
        },
      };
    },
  };
}
