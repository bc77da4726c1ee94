import type { RestoreTableFromBackupInput, RestoreTableToPointInTimeInput } from '@aws-sdk/client-dynamodb';
import { type Clock, hasCode } from '../../../base/index.ts';
import type { Records } from '../../../store/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { keyNames } from '../model/projection.ts';
import type { Administration } from '../tables/administration.ts';
import type { BillingMode, IndexDefinition, TableDefinition } from '../tables/definition.ts';
import type { LiveTable } from '../tables/live-table.ts';
import type { Tables } from '../tables/tables.ts';
import { checkName, readOnDemandMaximum, readUnits } from '../tables/validation.ts';
import { readPages } from './backup-pages.ts';
import type { Backups } from './backups.ts';
import { fill } from './fills.ts';
import type { Histories, Moment } from './histories.ts';
import { HISTORY_LIMITS } from './limits.ts';
import { stampOf } from './undo.ts';

/** What both ways of restoring let one change. */
type Overrides = Pick<
  RestoreTableFromBackupInput & RestoreTableToPointInTimeInput,
  | 'TargetTableName'
  | 'BillingModeOverride'
  | 'GlobalSecondaryIndexOverride'
  | 'LocalSecondaryIndexOverride'
  | 'ProvisionedThroughputOverride'
  | 'OnDemandThroughputOverride'
>;

export interface RestoresDependencies {
  readonly records: Records;
  readonly tables: Tables;
  readonly administration: Administration;
  readonly histories: Histories;
  readonly backups: Backups;
  readonly clock: Clock;
}

/** Makes tables of backups and of moments of other tables. */
export class Restores {
  readonly #dependencies: RestoresDependencies;

  constructor(dependencies: RestoresDependencies) {
    this.#dependencies = dependencies;
  }

  /** Goes on with tables that a stop of the node has left half full. */
  resume(): void {
    const { tables, histories } = this.#dependencies;
    for (const table of tables.all()) {
      const { filling } = table.definition;
      if (filling?.kind === 'backup') this.#fromBackup(table, filling.backupArn);
      if (filling?.kind !== 'moment') continue;
      const source = tables.byId(filling.sourceId)!;
      this.#fromMoment(table, histories.at(tables, source, filling.stamp));
    }
  }

  /** @throws DynamodbError `backup-not-found`, `backup-in-use`, `table-exists`, `limit-exceeded`, `validation-failed` */
  async fromBackup(input: RestoreTableFromBackupInput, region: string): Promise<LiveTable> {
    const { backups } = this.#dependencies;
    const backup = backups.get(input.BackupArn!);
    if (backup.status === 'CREATING')
      throw new DynamodbError('backup-in-use', `Backup is being created: ${backup.arn}`);
    const source = arnOf(backup.arn);
    backups.hold(backup.arn);
    try {
      const table = await this.#create(backup.definition, input, region, {
        filling: { kind: 'backup', backupArn: backup.arn },
        restored: { backupArn: backup.arn, sourceArn: source, at: backup.createdAt },
      });
      this.#fromBackup(table, backup.arn);
      return table;
    } finally {
      backups.release(backup.arn);
    }
  }

  #fromBackup(table: LiveTable, arn: string): void {
    const { backups, records } = this.#dependencies;
    const { id } = backups.get(arn);
    backups.hold(arn);
    fill(
      this.#dependencies,
      table,
      () => readPages(records, id),
      async () => backups.release(arn),
    );
  }

  /** @throws DynamodbError `recovery-unavailable`, `restore-time-invalid`, `table-exists`, `limit-exceeded`, `validation-failed` */
  async toMoment(source: LiveTable, input: RestoreTableToPointInTimeInput, region: string): Promise<LiveTable> {
    const { RestoreDateTime, UseLatestRestorableTime } = input;
    if ((RestoreDateTime === undefined) === !UseLatestRestorableTime) {
      throw invalid(
        'Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both',
      );
    }
    const at = UseLatestRestorableTime ? undefined : new Date(RestoreDateTime!).getTime();
    const moment = await this.momentOf(source, at);
    try {
      const table = await this.#create(source.definition, input, region, {
        filling: { kind: 'moment', sourceId: source.id, stamp: moment.stamp },
        restored: { sourceArn: source.arn, at: at ?? this.#dependencies.clock.now() },
      });
      this.#fromMoment(table, moment);
      return table;
    } catch (error) {
      await moment.release();
      throw error;
    }
  }

  #fromMoment(table: LiveTable, moment: Moment): void {
    fill(
      this.#dependencies,
      table,
      () => moment.items(),
      () => moment.release(),
    );
  }

  /**
   * @param at  epoch milliseconds; absent is now
   * @param wrongTime  the code of a moment that is not kept
   * @throws DynamodbError `recovery-unavailable`, and that code
   */
  async momentOf(
    table: LiveTable,
    at: number | undefined,
    wrongTime: 'restore-time-invalid' | 'export-time-invalid' = 'restore-time-invalid',
  ): Promise<Moment> {
    const { tables, histories, clock } = this.#dependencies;
    const { recovery, name } = table.definition;
    if (!recovery) {
      throw new DynamodbError('recovery-unavailable', `Point in time recovery is not enabled for table '${name}'`);
    }
    if (at === undefined) return histories.now(tables, table);
    const now = clock.now();
    const earliest = earliestRestorable(recovery, now);
    if (at < earliest || at > now) {
      throw new DynamodbError(
        wrongTime,
        `${wrongTime === 'restore-time-invalid' ? 'Restore' : 'Export'} time must be between ${new Date(earliest).toISOString()} and ${new Date(now).toISOString()}`,
      );
    }
    const moment = histories.at(tables, table, stampOf(at));
    try {
      // Held by now: who deletes the table has done so before, or finds that it is read.
      await tables.update(table, (definition) => ({ definition }));
    } catch (error) {
      await moment.release();
      throw error;
    }
    return moment;
  }

  async #create(
    source: TableDefinition,
    overrides: Overrides,
    region: string,
    parts: Pick<TableDefinition, 'filling' | 'restored'>,
  ): Promise<LiveTable> {
    const { tables, administration } = this.#dependencies;
    const name = overrides.TargetTableName!;
    checkName(name);
    if ([...tables.all()].filter(({ definition }) => definition.filling).length >= HISTORY_LIMITS.restoresMax) {
      throw new DynamodbError(
        'limit-exceeded',
        `Subscriber limit exceeded: Only ${HISTORY_LIMITS.restoresMax} restore operations can be done simultaneously`,
      );
    }
    const definition = restoredDefinition(source, overrides, { name, region, ...administration.identity() });
    administration.checkLimits({ ...definition, ...parts });
    try {
      return await tables.create(region, name, async () => ({ ...definition, ...parts }));
    } catch (error) {
      if (hasCode(error, 'resource-in-use')) throw new DynamodbError('table-exists', `Table already exists: ${name}`);
      throw error;
    }
  }
}

/** @param at  now */
export function earliestRestorable({ since, days }: NonNullable<TableDefinition['recovery']>, at: number): number {
  return Math.max(since, at - days * 86_400_000);
}

const arnOf = (backupArn: string) => backupArn.slice(0, backupArn.indexOf('/backup/'));

/** What is restored with the items: keys, indexes, billing. Streams, tags, expiry and the rest are not, as on AWS. */
function restoredDefinition(
  source: TableDefinition,
  overrides: Overrides,
  identity: Pick<TableDefinition, 'id' | 'name' | 'region' | 'createdAt'> & { readonly indexId: () => string },
): TableDefinition {
  const { indexId, ...rest } = identity;
  const billing: BillingMode = overrides.BillingModeOverride ?? source.billing;
  const indexes = restoredIndexes(source, overrides, billing).map((index) => ({ ...index, id: indexId() }));
  const used = new Set([source.key, ...indexes.map(({ key }) => key)].flatMap(keyNames));
  const onDemandMaximum = readOnDemandMaximum(overrides.OnDemandThroughputOverride, billing) ?? source.onDemandMaximum;
  return {
    ...rest,
    attributes: source.attributes.filter(({ name }) => used.has(name)),
    key: source.key,
    indexes,
    billing,
    ...(billing === 'PAY_PER_REQUEST' && { onDemandSince: rest.createdAt }),
    ...(billing === 'PAY_PER_REQUEST' && onDemandMaximum && { onDemandMaximum }),
    provisioned: { ...restoredUnits(source, overrides, billing), decreases: 0 },
    ...(source.tableClass && { tableClass: source.tableClass }),
    deletionProtection: false,
    tags: {},
  };
}

function restoredUnits(source: TableDefinition, overrides: Overrides, billing: BillingMode) {
  const { ProvisionedThroughputOverride: asked } = overrides;
  if (billing === 'PAY_PER_REQUEST') {
    if (!asked) return { read: 0, write: 0 };
    throw invalid(
      'Invalid Request: Cannot override ProvisionedThroughput if BillingMode is overridden to PAY_PER_REQUEST',
    );
  }
  if (asked) return readUnits(asked, billing);
  if (source.billing === 'PROVISIONED') return { read: source.provisioned.read, write: source.provisioned.write };
  throw invalid('Invalid Request: Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED');
}

function restoredIndexes(
  source: TableDefinition,
  overrides: Overrides,
  billing: BillingMode,
): readonly IndexDefinition[] {
  const chosen = [
    ...chosenIndexes(source, 'global', overrides.GlobalSecondaryIndexOverride),
    ...chosenIndexes(source, 'local', overrides.LocalSecondaryIndexOverride),
  ];
  return chosen.map((index) => restoredIndex(index, overrides, billing));
}

function chosenIndexes(
  { indexes }: TableDefinition,
  kind: IndexDefinition['kind'],
  override: readonly { readonly IndexName?: string | undefined }[] | undefined,
): readonly IndexDefinition[] {
  const all = indexes.filter((index) => index.kind === kind);
  if (!override) return all;
  return override.map(({ IndexName }) => {
    const found = all.find(({ name }) => name === IndexName);
    if (found) return found;
    throw invalid(
      `Invalid Request: Index ${IndexName} does not match a secondary index that existed in the source table and cannot be created during the restore operation`,
    );
  });
}

function restoredIndex(index: IndexDefinition, overrides: Overrides, billing: BillingMode): IndexDefinition {
  const { provisioned, ...rest } = { ...index, status: 'ACTIVE' as const };
  if (index.kind === 'local' || billing === 'PAY_PER_REQUEST') return rest;
  const asked = overrides.GlobalSecondaryIndexOverride?.find(({ IndexName }) => IndexName === index.name);
  const units = asked?.ProvisionedThroughput ? readUnits(asked.ProvisionedThroughput, billing) : provisioned;
  if (!units) throw invalid(`Invalid Request: Must specify provisioned throughput for index ${index.name}`);
  return { ...rest, provisioned: { read: units.read, write: units.write, decreases: 0 } };
}
