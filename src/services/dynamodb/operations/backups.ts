import type {
  CreateBackupInput,
  DeleteBackupInput,
  DescribeBackupInput,
  DescribeContinuousBackupsInput,
  ListBackupsInput,
  RestoreTableFromBackupInput,
  RestoreTableToPointInTimeInput,
  UpdateContinuousBackupsInput,
} from '@aws-sdk/client-dynamodb';
import { type Clock, hasCode } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { type Backup, type Backups, backupIdIn } from '../history/backups.ts';
import type { Histories } from '../history/histories.ts';
import { HISTORY_LIMITS } from '../history/limits.ts';
import { earliestRestorable, type Restores } from '../history/restores.ts';
import type { TableDefinition } from '../tables/definition.ts';
import { describeKey, describeProjection, describeTable, NO_SIZES } from '../tables/description.ts';
import { type LiveTable, tableArn } from '../tables/live-table.ts';
import { nameOfTable, type Tables } from '../tables/tables.ts';

export interface BackupParts {
  readonly tables: Tables;
  readonly backups: Backups;
  readonly restores: Restores;
  readonly histories: Histories;
  readonly clock: Clock;
}

/** Backups on demand, point-in-time recovery, and tables made of either. */
export function backupOperations({ tables, backups, restores, histories, clock }: BackupParts) {
  const CreateBackup: Operation<CreateBackupInput> = async ({ TableName, BackupName }, { region }) => {
    const backup = await backups.create(resolve(tables, TableName!, region), BackupName!);
    return { BackupDetails: details(backup) };
  };

  const DescribeBackup: Operation<DescribeBackupInput> = ({ BackupArn }) => ({
    BackupDescription: describe(backups.get(BackupArn!)),
  });

  const DeleteBackup: Operation<DeleteBackupInput> = async ({ BackupArn }) => {
    const backup = await backups.delete(BackupArn!);
    const { BackupDetails, ...rest } = describe(backup);
    return { BackupDescription: { ...rest, BackupDetails: { ...BackupDetails, BackupStatus: 'DELETED' } } };
  };

  const ListBackups: Operation<ListBackupsInput> = (input, { region }) => {
    const { TableName, Limit = HISTORY_LIMITS.backupsPerPage, ExclusiveStartBackupArn: after } = input;
    const [from, to] = [input.TimeRangeLowerBound, input.TimeRangeUpperBound].map(
      (time) => time && new Date(time).getTime(),
    );
    if (from !== undefined && to !== undefined && from > to) {
      throw invalid(
        'One or more parameter values were invalid: Time range lower bound must be less than or equal to upper bound',
      );
    }
    // There are none of the system's own.
    const listed = input.BackupType === 'SYSTEM' || input.BackupType === 'AWS_BACKUP' ? [] : backups.list(region);
    const matching = listed
      .filter(({ definition }) => TableName === undefined || definition.name === nameOfTable(TableName))
      .filter(({ createdAt }) => createdAt >= (from ?? 0) && createdAt < (to ?? Number.POSITIVE_INFINITY));
    // Behind it, whether it still is there or not: who deletes what it lists goes on where it was.
    const lastId = after === undefined ? '' : backupIdIn(after);
    const left = matching.filter(({ id }) => id > lastId);
    const page = left.slice(0, Limit);
    const more = page.length < left.length;
    return { BackupSummaries: page.map(summary), ...(more && { LastEvaluatedBackupArn: page.at(-1)!.arn }) };
  };

  const RestoreTableFromBackup: Operation<RestoreTableFromBackupInput> = async (input, { region }) => {
    refuseKeys(input.SSESpecificationOverride);
    const { definition } = await restores.fromBackup(input, region);
    return { TableDescription: describeTable(definition, NO_SIZES, clock.now(), 'CREATING') };
  };

  const RestoreTableToPointInTime: Operation<RestoreTableToPointInTimeInput> = async (input, { region }) => {
    refuseKeys(input.SSESpecificationOverride);
    const { SourceTableArn, SourceTableName } = input;
    if ((SourceTableArn === undefined) === (SourceTableName === undefined)) {
      throw invalid('Must provide exactly one of: sourceTableArn, sourceTableName');
    }
    const source = resolve(tables, (SourceTableArn ?? SourceTableName)!, region);
    const { definition } = await restores.toMoment(source, input, region);
    return { TableDescription: describeTable(definition, NO_SIZES, clock.now(), 'CREATING') };
  };

  const UpdateContinuousBackups: Operation<UpdateContinuousBackupsInput> = async (input, { region }) => {
    const { PointInTimeRecoveryEnabled: enabled, RecoveryPeriodInDays: days } = input.PointInTimeRecoverySpecification!;
    const table = resolve(tables, input.TableName!, region);
    if (!enabled && days !== undefined) {
      throw invalid('Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.');
    }
    if (enabled) await enableRecovery(table, days);
    else await disableRecovery(table);
    return { ContinuousBackupsDescription: continuous(table.definition, clock.now()) };
  };

  /** Old images first: what is promised as restorable begins once they are kept. */
  async function enableRecovery(table: LiveTable, asked: number | undefined): Promise<void> {
    const moment = await histories.now(tables, table);
    try {
      await tables.update(table, (definition) => {
        const { recovery } = definition;
        const days = asked ?? recovery?.days ?? HISTORY_LIMITS.recoveryDaysMax;
        const now = clock.now();
        // More days than before promise nothing of the past that is gone already.
        const since = recovery ? earliestRestorable(recovery, now) : now;
        return { definition: { ...definition, recovery: { since, days } } };
      });
    } finally {
      await moment.release();
    }
  }

  async function disableRecovery(table: LiveTable): Promise<void> {
    await tables.update(table, (definition) => {
      const { recovery, ...rest } = definition;
      return { definition: recovery ? rest : definition };
    });
    await histories.recoveryEnded(tables, table);
  }

  const DescribeContinuousBackups: Operation<DescribeContinuousBackupsInput> = ({ TableName }, { region }) => ({
    ContinuousBackupsDescription: continuous(resolve(tables, TableName!, region).definition, clock.now()),
  });

  return {
    CreateBackup,
    DescribeBackup,
    DeleteBackup,
    ListBackups,
    RestoreTableFromBackup,
    RestoreTableToPointInTime,
    UpdateContinuousBackups,
    DescribeContinuousBackups,
  };
}

/** These operations have an error of their own for a table that is not there. */
export function resolve(tables: Tables, name: string, region: string): LiveTable {
  try {
    const table = tables.resolve(name, region);
    if (!table.definition.filling) return table;
    throw new DynamodbError('table-in-use', `Table is being created: ${table.name}`);
  } catch (error) {
    if (!hasCode(error, 'resource-not-found')) throw error;
    throw new DynamodbError('table-not-found', `Table not found: ${nameOfTable(name)}`);
  }
}

function refuseKeys(specification: RestoreTableFromBackupInput['SSESpecificationOverride']): void {
  if (specification?.Enabled) throw invalid('SSESpecificationOverride with KMS keys is not built in Millrace');
}

function continuous({ recovery }: TableDefinition, at: number) {
  return {
    ContinuousBackupsStatus: 'ENABLED',
    PointInTimeRecoveryDescription: recovery
      ? {
          PointInTimeRecoveryStatus: 'ENABLED',
          RecoveryPeriodInDays: recovery.days,
          EarliestRestorableDateTime: new Date(earliestRestorable(recovery, at)),
          LatestRestorableDateTime: new Date(at),
        }
      : { PointInTimeRecoveryStatus: 'DISABLED' },
  };
}

function details({ arn, name, sizeBytes, status, createdAt }: Backup) {
  return {
    BackupArn: arn,
    BackupName: name,
    BackupSizeBytes: sizeBytes,
    BackupStatus: status,
    BackupType: 'USER',
    BackupCreationDateTime: new Date(createdAt),
  };
}

function summary(backup: Backup) {
  const { definition } = backup;
  return {
    TableName: definition.name,
    TableId: definition.id,
    TableArn: tableArn(definition),
    ...details(backup),
  };
}

function describe(backup: Backup) {
  const { definition, count, sizeBytes } = backup;
  const ofKind = (kind: 'global' | 'local') => definition.indexes.filter((index) => index.kind === kind);
  const units = ({ read, write }: { readonly read: number; readonly write: number }) => ({
    ReadCapacityUnits: read,
    WriteCapacityUnits: write,
  });
  return {
    BackupDetails: details(backup),
    SourceTableDetails: {
      TableName: definition.name,
      TableId: definition.id,
      TableArn: tableArn(definition),
      TableSizeBytes: sizeBytes,
      KeySchema: describeKey(definition.key),
      TableCreationDateTime: new Date(definition.createdAt),
      ProvisionedThroughput: units(definition.provisioned),
      ItemCount: count,
      BillingMode: definition.billing,
    },
    SourceTableFeatureDetails: {
      ...(ofKind('local').length > 0 && {
        LocalSecondaryIndexes: ofKind('local').map(({ name, key, projection }) => ({
          IndexName: name,
          KeySchema: describeKey(key),
          Projection: describeProjection(projection),
        })),
      }),
      ...(ofKind('global').length > 0 && {
        GlobalSecondaryIndexes: ofKind('global').map(({ name, key, projection, provisioned }) => ({
          IndexName: name,
          KeySchema: describeKey(key),
          Projection: describeProjection(projection),
          ProvisionedThroughput: units(provisioned ?? { read: 0, write: 0 }),
        })),
      }),
      ...(definition.stream && {
        StreamDescription: { StreamEnabled: true, StreamViewType: definition.stream.viewType },
      }),
      ...(definition.timeToLive && {
        TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: definition.timeToLive.attribute },
      }),
    },
  };
}
