import type {
  DescribeContributorInsightsInput,
  ListContributorInsightsInput,
  UpdateContributorInsightsInput,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError } from '../errors.ts';
import type { ContributorInsights } from '../tables/definition.ts';
import type { LiveTable } from '../tables/live-table.ts';
import type { Tables } from '../tables/tables.ts';

const MODE = 'ACCESSED_AND_THROTTLED_KEYS';

/** Contributor insights: what is set is kept and shown; rules that count the busiest keys are not made. */
export function insightOperations(tables: Tables, clock: Clock) {
  const UpdateContributorInsights: Operation<UpdateContributorInsightsInput> = async (input, { region }) => {
    const { TableName, IndexName: index, ContributorInsightsAction: action } = input;
    const table = tableWith(tables, TableName!, index, region);
    const enabled = action === 'ENABLE';
    const mode = input.ContributorInsightsMode ?? MODE;
    const entry: ContributorInsights = {
      ...{ enabled, mode, changedAt: clock.now() },
      ...(index !== undefined && { index }),
    };
    await tables.update(table, (definition) => ({
      definition: {
        ...definition,
        contributorInsights: [...(definition.contributorInsights ?? []).filter((one) => one.index !== index), entry],
      },
    }));
    return {
      ...named(table, index),
      ContributorInsightsStatus: enabled ? 'ENABLING' : 'DISABLING',
      ContributorInsightsMode: mode,
    };
  };

  const DescribeContributorInsights: Operation<DescribeContributorInsightsInput> = (
    { TableName, IndexName: index },
    { region },
  ) => {
    const table = tableWith(tables, TableName!, index, region);
    const entry = table.definition.contributorInsights?.find((one) => one.index === index);
    return {
      ...named(table, index),
      ContributorInsightsRuleList: [],
      ContributorInsightsStatus: entry?.enabled ? 'ENABLED' : 'DISABLED',
      ...(entry && { LastUpdateDateTime: new Date(entry.changedAt), ContributorInsightsMode: entry.mode }),
    };
  };

  const ListContributorInsights: Operation<ListContributorInsightsInput> = ({ TableName }, { region }) => {
    const chosen = TableName === undefined ? tables.list(region) : [tables.resolve(TableName, region)];
    return {
      ContributorInsightsSummaries: chosen.flatMap((table) =>
        (table.definition.contributorInsights ?? []).map(({ index, enabled, mode }) => ({
          ...named(table, index),
          ContributorInsightsStatus: enabled ? 'ENABLED' : 'DISABLED',
          ContributorInsightsMode: mode,
        })),
      ),
    };
  };

  return { UpdateContributorInsights, DescribeContributorInsights, ListContributorInsights };
}

function tableWith(tables: Tables, name: string, index: string | undefined, region: string): LiveTable {
  const table = tables.resolve(name, region);
  if (index === undefined || table.indexes.has(index)) return table;
  throw new DynamodbError('resource-not-found', `Requested resource not found: Index: ${index} not found`);
}

const named = ({ name }: LiveTable, index: string | undefined) => ({
  TableName: name,
  ...(index !== undefined && { IndexName: index }),
});
