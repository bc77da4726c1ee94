import type { DescribeTimeToLiveInput, UpdateTimeToLiveInput } from '@aws-sdk/client-dynamodb';
import type { Random } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import { forgetProgress } from '../tables/backfill.ts';
import { expirySpace, type TableDefinition } from '../tables/definition.ts';
import type { Expiry } from '../tables/expiry.ts';
import { discard } from '../tables/garbage.ts';
import type { Tables } from '../tables/tables.ts';

export interface TtlParts {
  readonly tables: Tables;
  readonly expiry: Expiry;
  readonly random: Random;
}

/** Time to live. It may be switched as often as one likes, whereas AWS makes one wait an hour. */
export function ttlOperations({ tables, expiry, random }: TtlParts) {
  const UpdateTimeToLive: Operation<UpdateTimeToLiveInput> = async (
    { TableName, TimeToLiveSpecification },
    { region },
  ) => {
    const { Enabled: enabled, AttributeName: attribute } = TimeToLiveSpecification!;
    const table = tables.resolve(TableName!, region);
    const updated = tables.update(table, async (before) => {
      check(before, enabled!, attribute!);
      const { timeToLive, ...rest } = before;
      if (enabled) {
        const spell = { attribute: attribute!, id: random.bytes(6).toString('hex'), complete: false };
        return { definition: { ...rest, timeToLive: spell } };
      }
      await expiry.cancel(table);
      const space = expirySpace(table.id, timeToLive!);
      return { definition: rest, beside: [discard(space), forgetProgress(table, space)] };
    });
    // Also when it could not be stored that it is off: then it is gone on with.
    await updated.finally(() => expiry.complete(table));
    return { TimeToLiveSpecification };
  };

  const DescribeTimeToLive: Operation<DescribeTimeToLiveInput> = ({ TableName }, { region }) => {
    const { timeToLive } = tables.resolve(TableName!, region).definition;
    if (!timeToLive) return { TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } };
    return {
      TimeToLiveDescription: {
        TimeToLiveStatus: timeToLive.complete ? 'ENABLED' : 'ENABLING',
        AttributeName: timeToLive.attribute,
      },
    };
  };

  return { UpdateTimeToLive, DescribeTimeToLive };
}

function check({ timeToLive }: TableDefinition, enabled: boolean, attribute: string): void {
  if (timeToLive && timeToLive.attribute !== attribute) {
    throw invalid(
      `TimeToLive is active on a different AttributeName: current AttributeName is ${timeToLive.attribute}`,
    );
  }
  if (enabled && timeToLive) throw invalid('TimeToLive is already enabled');
  if (!enabled && !timeToLive) throw invalid('TimeToLive is already disabled');
}
