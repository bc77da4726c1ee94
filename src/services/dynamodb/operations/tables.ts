import type {
  CreateTableInput,
  DeleteTableInput,
  DescribeTableInput,
  ListTablesInput,
  UpdateTableInput,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { TABLE_LIMITS } from '../limits.ts';
import { type Administration, inUse } from '../tables/administration.ts';
import { describeTable, NO_SIZES } from '../tables/description.ts';
import type { Sizes } from '../tables/sizes.ts';
import type { Tables } from '../tables/tables.ts';

export interface TableOperationParts {
  readonly tables: Tables;
  readonly administration: Administration;
  readonly sizes: Sizes;
  readonly clock: Clock;
}

/** Tables themselves. What they answer with is done already, though it is shown as AWS shows it: CREATING, DELETING. */
export function tableOperations({ tables, administration, sizes, clock }: TableOperationParts) {
  const CreateTable: Operation<CreateTableInput> = async (input, { region }) => {
    const { definition } = await administration.create(input, region);
    return { TableDescription: describeTable(definition, NO_SIZES, clock.now(), 'CREATING') };
  };

  const DescribeTable: Operation<DescribeTableInput> = async ({ TableName }, { region }) => {
    const table = tables.resolve(TableName!, region);
    return { Table: describeTable(table.definition, await sizes.of(table), clock.now()) };
  };

  const UpdateTable: Operation<UpdateTableInput> = async (input, { region }) => {
    const table = tables.resolve(input.TableName!, region);
    const definition = await administration.update(table, input);
    return { TableDescription: describeTable(definition, await sizes.of(table), clock.now(), 'UPDATING') };
  };

  const ListTables: Operation<ListTablesInput> = (
    { ExclusiveStartTableName: after = '', Limit = TABLE_LIMITS.tablesPerPage },
    { region },
  ) => {
    const names = tables
      .list(region)
      .map(({ name }) => name)
      .filter((name) => name > after);
    const page = names.slice(0, Limit);
    return { TableNames: page, ...(page.length < names.length && { LastEvaluatedTableName: page.at(-1) }) };
  };

  const DeleteTable: Operation<DeleteTableInput> = async ({ TableName }, { region }) => {
    const table = tables.resolve(TableName!, region);
    if (table.definition.filling) throw inUse(`Table is being created: ${table.name}`);
    await administration.delete(table);
    return { TableDescription: describeTable(table.definition, NO_SIZES, clock.now(), 'DELETING') };
  };

  const DescribeLimits: Operation = () => ({
    AccountMaxReadCapacityUnits: TABLE_LIMITS.accountUnitsMax,
    AccountMaxWriteCapacityUnits: TABLE_LIMITS.accountUnitsMax,
    TableMaxReadCapacityUnits: TABLE_LIMITS.tableUnitsMax,
    TableMaxWriteCapacityUnits: TABLE_LIMITS.tableUnitsMax,
  });

  const DescribeEndpoints: Operation = (_input, { endpoint }) => ({
    Endpoints: [{ Address: new URL(endpoint).host, CachePeriodInMinutes: 1440 }],
  });

  return { CreateTable, DescribeTable, UpdateTable, ListTables, DeleteTable, DescribeLimits, DescribeEndpoints };
}
