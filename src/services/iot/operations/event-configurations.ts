import type { Operation } from '../../index.ts';
import type { EventConfigurations, RegistryEvents } from '../things/events.ts';

/** Which events of the registry are published. */
export function eventConfigurationOperations(events: RegistryEvents) {
  return {
    DescribeEventConfigurations: () => events.describe(),
    UpdateEventConfigurations: async ({ eventConfigurations = {} }: { eventConfigurations?: EventConfigurations }) => {
      await events.update(eventConfigurations);
      return {};
    },
  } satisfies Record<string, Operation>;
}
