import type { CreateTableInput, UpdateTableInput } from '@aws-sdk/client-dynamodb';
import { type Clock, type Random, uuid } from '../../../base/index.ts';
import type { Write } from '../../../store/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import { forgetProgress } from './backfill.ts';
import type { Filling, IndexDefinition, Provisioned, StreamViewType, TableDefinition } from './definition.ts';
import { expirySpace, historySpace, indexSpace, itemsSpace, progressSpace } from './definition.ts';
import { discard } from './garbage.ts';
import type { IndexBuilds } from './index-builds.ts';
import type { LiveTable } from './live-table.ts';
import { policyOf } from './policies.ts';
import type { ChangeStreams, TableHistory } from './ports.ts';
import { forgetSizes } from './sizes.ts';
import type { Tables } from './tables.ts';
import { readTags } from './tags.ts';
import { checkUpdate, decideUpdate, type UpdateSurroundings } from './update.ts';
import {
  checkName,
  checkUnitLimits,
  readOnDemandMaximum,
  readTable,
  type TableRequest,
  type Units,
  wrong,
} from './validation.ts';

export interface AdministrationParts {
  readonly tables: Tables;
  readonly builds: IndexBuilds;
  readonly history: TableHistory;
  /** Opens them when the first is wanted. */
  readonly streams: () => Promise<ChangeStreams>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Makes and deletes tables. */
export class Administration {
  readonly #parts: AdministrationParts;

  constructor(parts: AdministrationParts) {
    this.#parts = parts;
  }

  /**
   * @param fillingOf  called once the name is known to be free: where the items of the table come from
   * @throws DynamodbError `validation-failed`, `resource-in-use`, `limit-exceeded`
   */
  create(
    input: CreateTableInput,
    region: string,
    fillingOf?: (definition: TableDefinition) => Promise<Filling>,
  ): Promise<LiveTable> {
    const { tables } = this.#parts;
    const name = input.TableName!;
    checkName(name);
    const definition = this.#newDefinition(input, region);
    this.checkTableLimit(region);
    const viewType = streamAsked(input.StreamSpecification);
    let opened: string | undefined;
    const created = tables.create(region, name, async () => {
      const filling = await fillingOf?.(definition);
      const streamed = await this.#withStream({ ...definition, ...(filling && { filling }) }, viewType);
      opened = streamed.stream?.arn;
      return streamed;
    });
    return this.#orClose(created, () => opened);
  }

  /** The stream was opened for a definition that could not be stored: a restart would find it, but nobody should until then. */
  async #orClose<T>(stored: Promise<T>, opened: () => string | undefined): Promise<T> {
    try {
      return await stored;
    } catch (error) {
      const arn = opened();
      if (arn !== undefined) await (await this.#parts.streams()).closeStream(arn).catch(() => {});
      throw error;
    }
  }

  #newDefinition(input: CreateTableInput, region: string): TableDefinition {
    const { clock, random } = this.#parts;
    refuseWhatIsNotBuilt(input);
    const request = readTable(input);
    const { billing } = request;
    const now = clock.now();
    const indexes = [
      ...request.local.map((index) => this.newIndex(index, 'local', 'ACTIVE')),
      ...request.global.map((index) => this.newIndex(index, 'global', 'ACTIVE')),
    ];
    const units = [request.provisioned, ...request.global.map(({ provisioned }) => provisioned ?? NOTHING)];
    checkUnitLimits(region, units, this.unitsOf(region), sum(units));
    const onDemandMaximum = readOnDemandMaximum(input.OnDemandThroughput, billing);
    const { ReadUnitsPerSecond: read, WriteUnitsPerSecond: write } = input.WarmThroughput ?? {};
    return {
      id: uuid(random),
      name: input.TableName!,
      region,
      createdAt: now,
      attributes: request.attributes,
      key: request.key,
      indexes,
      billing,
      ...(billing === 'PAY_PER_REQUEST' && { onDemandSince: now }),
      provisioned: fresh(request.provisioned),
      ...(onDemandMaximum && { onDemandMaximum }),
      ...((read !== undefined || write !== undefined) && {
        warmThroughput: { ...(read !== undefined && { read }), ...(write !== undefined && { write }) },
      }),
      ...(input.TableClass && { tableClass: { name: input.TableClass } }),
      deletionProtection: input.DeletionProtectionEnabled ?? false,
      tags: readTags(input.Tags ?? []),
      ...(input.ResourcePolicy !== undefined && { policy: policyOf(input.ResourcePolicy, undefined, now) }),
    };
  }

  /** @param status  CREATING where items may be there already */
  newIndex(
    { name, key, projection, provisioned, onDemandMaximum }: TableRequest['global'][number],
    kind: IndexDefinition['kind'],
    status: 'ACTIVE' | 'CREATING',
  ): IndexDefinition {
    return {
      name,
      id: this.#parts.random.bytes(6).toString('hex'),
      kind,
      key,
      projection,
      status,
      ...(provisioned && { provisioned: fresh(provisioned) }),
      ...(onDemandMaximum && { onDemandMaximum }),
    };
  }

  /** @throws DynamodbError `validation-failed`, `resource-in-use`, `limit-exceeded`, `resource-not-found` */
  async update(table: LiveTable, input: UpdateTableInput): Promise<TableDefinition> {
    const { tables, builds, clock } = this.#parts;
    checkUpdate(input);
    refuseKeys(input.SSESpecification);
    const streamChange = readStreamChange(input.StreamSpecification);
    let ended: string | undefined;
    let opened: string | undefined;
    const updated = tables.update(table, async (before) => {
      if (before.filling) throw inUse(`Table is being created: ${before.name}`);
      const newIndex: UpdateSurroundings['newIndex'] = (request) => this.newIndex(request, 'global', 'CREATING');
      const updated = decideUpdate(before, input, { at: clock.now(), newIndex });
      this.#checkUnits(before, updated);
      const streamed = await this.#changeStream(updated, streamChange);
      if (before.stream && !streamed.stream) ended = before.stream.arn;
      if (!before.stream) opened = streamed.stream?.arn;
      return { definition: streamed, beside: await this.#withoutIndexes(table, before, updated) };
    });
    try {
      await this.#orClose(updated, () => opened);
    } finally {
      // Also when it could not be stored: an index that was to go is built on.
      builds.start(table);
    }
    if (ended !== undefined) await (await this.#parts.streams()).closeStream(ended);
    return updated;
  }

  #checkUnits(before: TableDefinition, after: TableDefinition): void {
    const [old, now] = [before, after].map(unitsOfTable) as [readonly Units[], readonly Units[]];
    const added = { read: sum(now).read - sum(old).read, write: sum(now).write - sum(old).write };
    checkUnitLimits(after.region, now, this.unitsOf(after.region), added);
  }

  /** Lets go of the rows of indexes that are gone, once nobody builds them any more. */
  async #withoutIndexes(table: LiveTable, before: TableDefinition, after: TableDefinition): Promise<readonly Write[]> {
    const gone = before.indexes.filter(({ id }) => !after.indexes.some((index) => index.id === id));
    for (const { name } of gone) await this.#parts.builds.cancel(table, name);
    return gone.flatMap((index) => {
      const space = indexSpace(table.id, index);
      return [discard(space), forgetProgress(table, space)];
    });
  }

  async #changeStream(
    definition: TableDefinition,
    change: StreamViewType | 'off' | undefined,
  ): Promise<TableDefinition> {
    const { stream, ...rest } = definition;
    if (change === undefined) return definition;
    if (change === 'off') {
      if (!stream) throw invalid(`Table has no stream to disable: TableName: ${definition.name}`);
      // Its policy goes with it: the next one is let to nobody by it.
      const { streamPolicy: _, ...kept } = rest;
      return { ...kept, lastStream: { arn: stream.arn, label: stream.label } };
    }
    if (stream) throw invalid(`Table already has an enabled stream: TableName: ${definition.name}`);
    return this.#withStream(definition, change);
  }

  async #withStream(definition: TableDefinition, viewType: StreamViewType | undefined): Promise<TableDefinition> {
    if (viewType === undefined) return definition;
    const streams = await this.#parts.streams();
    const { arn, label } = await streams.openStream(definition, viewType);
    return { ...definition, stream: { viewType, arn, label } };
  }

  /** What a new table is known by. */
  identity(): Pick<TableDefinition, 'id' | 'createdAt'> & { readonly indexId: () => string } {
    const { clock, random } = this.#parts;
    return { id: uuid(random), createdAt: clock.now(), indexId: () => random.bytes(6).toString('hex') };
  }

  /** Whether a table more, with its units, is within the limits. @throws DynamodbError `limit-exceeded` */
  checkLimits(definition: TableDefinition): void {
    const units = unitsOfTable(definition);
    checkUnitLimits(definition.region, units, this.unitsOf(definition.region), sum(units));
    this.checkTableLimit(definition.region);
  }

  /** @throws DynamodbError `resource-in-use` */
  async delete(table: LiveTable): Promise<void> {
    const { tables, streams, builds } = this.#parts;
    const deleted = tables.delete(table, async (definition) => {
      if (this.#parts.history.isRead(table))
        throw inUse(`Table is being backed up, exported or restored from: ${table.name}`);
      if (definition.deletionProtection) {
        throw invalid(
          'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.',
        );
      }
      return [...spacesOf(definition).map(discard), forgetSizes(definition.id)];
    });
    try {
      await deleted;
    } catch (error) {
      const kept = tables.byId(table.id);
      if (kept) builds.start(kept);
      throw error;
    }
    const { stream } = table.definition;
    if (stream) await (await streams()).closeStream(stream.arn);
    await (await streams()).closeFeeds(table.id);
  }

  /** @throws DynamodbError `limit-exceeded` */
  checkTableLimit(region: string): void {
    if (this.#parts.tables.list(region).length < TABLE_LIMITS.tablesMax) return;
    throw new DynamodbError(
      'limit-exceeded',
      `Subscriber limit exceeded: The maximum number of tables for the account is ${TABLE_LIMITS.tablesMax}`,
    );
  }

  /** Provisioned units of all tables and indexes of a region. */
  unitsOf(region: string): Units {
    return sum(this.#parts.tables.list(region).flatMap(({ definition }) => unitsOfTable(definition)));
  }
}

const NOTHING: Units = { read: 0, write: 0 };

function unitsOfTable({ provisioned, indexes }: TableDefinition): readonly Units[] {
  return [provisioned, ...indexes.map((index) => index.provisioned ?? NOTHING)];
}

export const inUse = (why: string) =>
  new DynamodbError('resource-in-use', `Attempt to change a resource which is still in use: ${why}`);

const fresh = ({ read, write }: Units): Provisioned => ({ read, write, decreases: 0 });

function sum(units: readonly Units[]): Units {
  return units.reduce((all, { read, write }) => ({ read: all.read + read, write: all.write + write }), NOTHING);
}

/** All that a table has of the store. */
function spacesOf({ id, indexes, timeToLive, history }: TableDefinition): readonly string[] {
  return [
    itemsSpace(id),
    progressSpace(id),
    ...indexes.map((index) => indexSpace(id, index)),
    ...(timeToLive ? [expirySpace(id, timeToLive)] : []),
    ...(history ? [historySpace(id, history)] : []),
  ];
}

/** @throws DynamodbError `validation-failed` */
function streamAsked(specification: CreateTableInput['StreamSpecification']): StreamViewType | undefined {
  if (!specification) return undefined;
  const { StreamEnabled: enabled, StreamViewType: viewType } = specification;
  if (enabled && viewType === undefined) {
    throw wrong('Table is being created with a stream enabled, UpdateViewType is required');
  }
  if (!enabled && viewType !== undefined) {
    throw wrong('Table is being created with a stream disabled, UpdateViewType should not be specified');
  }
  return viewType;
}

/** @throws DynamodbError `validation-failed` */
function readStreamChange(specification: UpdateTableInput['StreamSpecification']): StreamViewType | 'off' | undefined {
  if (!specification) return undefined;
  const { StreamEnabled: enabled, StreamViewType: viewType } = specification;
  if (enabled && viewType === undefined) throw wrong('If stream is being enabled then UpdateViewType is required');
  if (!enabled && viewType !== undefined) {
    throw wrong('If stream is being disabled, then UpdateViewType must not be specified');
  }
  return viewType ?? 'off';
}

/** What AWS has and we do not, by name: asked for in silence it would seem to be there. @throws DynamodbError `validation-failed` */
function refuseWhatIsNotBuilt({ SSESpecification, GlobalTableSourceArn, VectorIndexes }: CreateTableInput): void {
  refuseKeys(SSESpecification);
  if (GlobalTableSourceArn !== undefined)
    throw invalid('GlobalTableSourceArn is not built in Millrace: a node is one region');
  if (VectorIndexes?.length) throw invalid('VectorIndexes are not built in Millrace');
}

/** @throws DynamodbError `validation-failed`: there are no customer managed keys */
export function refuseKeys(specification: CreateTableInput['SSESpecification']): void {
  if (!specification?.Enabled) return;
  throw invalid('SSESpecification with KMS keys is not built in Millrace: tables have AWS owned encryption only');
}
