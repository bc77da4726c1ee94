import type { Operation } from '../../index.ts';
import type { CodeStorage } from '../code-storage.ts';
import { invalidParameter } from '../errors.ts';
import type { Functions } from '../functions.ts';
import { LAMBDA_LIMITS } from '../model.ts';
import { checkUnreserved, type Provisioned } from '../provisioned.ts';
import { named } from './shapes.ts';

/** Reserved concurrency and GetAccountSettings. @param accountConcurrency  the node's limit over all functions */
export function concurrencyOperations(
  functions: Functions,
  storage: CodeStorage,
  provisioned: Provisioned,
  accountConcurrency: number,
): Record<string, Operation> {
  return {
    PutFunctionConcurrency: async (input, context) => {
      const { region, name } = named(input, context);
      const reserved: number = input.ReservedConcurrentExecutions;
      return functions.changeShared(region, async () => {
        functions.get(region, name);
        if (reserved < provisioned.requested(region, name)) {
          throw invalidParameter(
            'Requested ReservedConcurrentExecutions for function should not be less than its provisioned concurrency',
          );
        }
        const others = functions.reservedConcurrency(region, name) + provisioned.requestedOfAccount(region, name);
        checkUnreserved(accountConcurrency - others - reserved, 'ReservedConcurrentExecutions');
        await functions.update(region, name, (record) => ({ ...record, reservedConcurrency: reserved }));
        return { ReservedConcurrentExecutions: reserved };
      });
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
      const held = functions.reservedConcurrency(region) + provisioned.requestedOfAccount(region);
      return {
        AccountLimit: {
          TotalCodeSize: LAMBDA_LIMITS.codeBytesTotalMax,
          CodeSizeUnzipped: LAMBDA_LIMITS.unzippedBytesMax,
          CodeSizeZipped: LAMBDA_LIMITS.zipBytesMax,
          ConcurrentExecutions: accountConcurrency,
          UnreservedConcurrentExecutions: accountConcurrency - held,
        },
        AccountUsage: {
          TotalCodeSize: storage.usedBytes,
          FunctionCount: all.length,
        },
      };
    },
  };
}
