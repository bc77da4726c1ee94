import type { Operation } from '../../index.ts';
import { invalidParameter } from '../errors.ts';
import type { Groups } from '../groups.ts';
import type { StreamState } from '../model.ts';
import { checkGroupName, checkStreamName, groupName, page, streamShape } from './shapes.ts';

/** Log streams: create, delete, describe. */
export function streamOperations(groups: Groups): Record<string, Operation> {
  return {
    CreateLogStream: async ({ logGroupName, logStreamName }, { region }) => {
      const group = await groups.get(region, checkGroupName(logGroupName));
      await group.createStream(checkStreamName(logStreamName));
      return {};
    },

    DeleteLogStream: async ({ logGroupName, logStreamName }, { region }) => {
      const group = await groups.get(region, checkGroupName(logGroupName));
      await group.deleteStream(checkStreamName(logStreamName));
      return {};
    },

    DescribeLogStreams: async (input, { region }) => {
      const { logStreamNamePrefix, orderBy = 'LogStreamName', descending = false, limit = 50, nextToken } = input;
      if (orderBy === 'LastEventTime' && logStreamNamePrefix !== undefined) {
        throw invalidParameter('Cannot order by LastEventTime with a logStreamNamePrefix.');
      }
      const name = groupName(input);
      const group = await groups.get(region, name);
      const found = [...group.streams.values()]
        .filter((state) => state.name.startsWith(logStreamNamePrefix ?? ''))
        .sort(orderBy === 'LastEventTime' ? byLastEvent : byName);
      if (descending) found.reverse();
      const { items, ...next } = page(found, (state) => state.name, nextToken, Math.min(limit, 50));
      const record = groups.record(region, name);
      return { logStreams: items.map((state) => streamShape(record, state)), ...next };
    },
  };
}

function byName(a: StreamState, b: StreamState): number {
  return a.name < b.name ? -1 : 1;
}

function byLastEvent(a: StreamState, b: StreamState): number {
  return (a.lastEventAt ?? 0) - (b.lastEventAt ?? 0) || byName(a, b);
}
