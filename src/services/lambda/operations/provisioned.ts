import type { Operation } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import type { Functions } from '../functions.ts';
import { functionArn } from '../names.ts';
import type { Provisioned, ProvisionedView } from '../provisioned.ts';
import { named, page } from './shapes.ts';

const STATUS = { 'in-progress': 'IN_PROGRESS', ready: 'READY', failed: 'FAILED' } as const;

/** Put, Get, List and Delete of ProvisionedConcurrencyConfig. */
export function provisionedOperations(functions: Functions, provisioned: Provisioned): Record<string, Operation> {
  const qualified = (input: { FunctionName: string; Qualifier?: string }, context: Parameters<Operation>[1]) => {
    const { region, name, qualifier } = named(input, context);
    if (qualifier === undefined) throw invalidParameter('The qualifier must be a version or an alias of the function.');
    return { region, name, qualifier };
  };

  return {
    PutProvisionedConcurrencyConfig: async (input, context) => {
      const { region, name, qualifier } = qualified(input, context);
      return shape(await provisioned.put(region, name, qualifier, input.ProvisionedConcurrentExecutions));
    },

    GetProvisionedConcurrencyConfig: (input, context) => {
      const { region, name, qualifier } = qualified(input, context);
      return shape(provisioned.get(region, name, qualifier));
    },

    DeleteProvisionedConcurrencyConfig: async (input, context) => {
      const { region, name, qualifier } = qualified(input, context);
      functions.resolve(region, name, qualifier);
      await provisioned.delete(region, name, qualifier);
      return {};
    },

    ListProvisionedConcurrencyConfigs: (input, context) => {
      const { region, name } = named(input, context);
      functions.get(region, name);
      const all = provisioned.list(region, name);
      const keyOf = ({ config }: ProvisionedView) => config.qualifier;
      const { items, ...next } = page(all, keyOf, input.Marker, Math.min(input.MaxItems ?? 50, 50));
      const ProvisionedConcurrencyConfigs = items.map((view) => ({
        FunctionArn: functionArn(region, name, view.config.qualifier),
        ...shape(view),
      }));
      return { ProvisionedConcurrencyConfigs, ...next };
    },
  };
}

function shape({ config, allocated, available, status, reason }: ProvisionedView) {
  return {
    RequestedProvisionedConcurrentExecutions: config.requested,
    AllocatedProvisionedConcurrentExecutions: allocated,
    AvailableProvisionedConcurrentExecutions: available,
    Status: STATUS[status],
    ...(reason === undefined ? {} : { StatusReason: reason }),
    LastModified: config.lastModified,
  };
}
