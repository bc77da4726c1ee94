import type { DescribeTableReplicaAutoScalingInput } from '@aws-sdk/client-dynamodb';
import type { Operation } from '../../index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { describeTable, NO_SIZES } from '../tables/description.ts';
import type { Tables } from '../tables/tables.ts';
import { wrong } from '../tables/validation.ts';

const LEGACY =
  'DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy).';

/** A node is one region: no table has replicas, and those who ask are told so as AWS tells it. */
export function globalTableOperations(tables: Tables) {
  const refuse: Operation = () => {
    throw wrong(LEGACY);
  };
  const missing: Operation<{ readonly GlobalTableName?: string }> = ({ GlobalTableName }) => {
    throw new DynamodbError(
      'global-table-not-found',
      `Global table not found: Global table with name: '${GlobalTableName}' does not exist.`,
    );
  };
  const DescribeTableReplicaAutoScaling: Operation<DescribeTableReplicaAutoScalingInput> = (
    { TableName },
    { region },
  ) => {
    const { definition } = tables.resolve(TableName!, region);
    const { TableStatus } = describeTable(definition, NO_SIZES, 0);
    return { TableAutoScalingDescription: { TableName: definition.name, TableStatus, Replicas: [] } };
  };
  const UpdateTableReplicaAutoScaling: Operation = () => {
    throw invalid('Replicas of tables are not built in Millrace: a node is one region');
  };
  return {
    CreateGlobalTable: refuse,
    UpdateGlobalTable: refuse,
    DescribeGlobalTable: missing,
    DescribeGlobalTableSettings: missing,
    UpdateGlobalTableSettings: missing,
    ListGlobalTables: (() => ({ GlobalTables: [] })) satisfies Operation,
    DescribeTableReplicaAutoScaling,
    UpdateTableReplicaAutoScaling,
  };
}
