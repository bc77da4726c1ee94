import type { CreateTableInput } from '@aws-sdk/client-dynamodb';
import { type Clock, type Random, uuid } from '../../../base/index.ts';
import { DynamodbError, invalid } from '../errors.ts';
import { TABLE_LIMITS } from '../limits.ts';
import type { IndexDefinition, Provisioned, StreamViewType, TableDefinition } from './definition.ts';
import { expirySpace, historySpace, indexSpace, itemsSpace, progressSpace } from './definition.ts';
import { discard } from './garbage.ts';
import type { LiveTable } from './live-table.ts';
import type { ChangeStreams } from './ports.ts';
import type { Tables } from './tables.ts';
import { readTags } from './tags.ts';
import {
  checkName,
  checkUnitLimits,
  type IndexRequest,
  readOnDemandMaximum,
  readTable,
  type Units,
} from './validation.ts';

export interface AdministrationParts {
  readonly tables: Tables;
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

  /** @throws DynamodbError `validation-failed`, `resource-in-use`, `limit-exceeded` */
  create(input: CreateTableInput, region: string): Promise<LiveTable> {
    const { tables } = this.#parts;
    const name = input.TableName!;
    checkName(name);
    const definition = this.#newDefinition(input, region);
    this.checkTableLimit(region);
    return tables.create(region, name, () => this.#withStream(definition, streamAsked(input.StreamSpecification)));
  }

  #newDefinition(input: CreateTableInput, region: string): TableDefinition {
    const { clock, random } = this.#parts;
    refuseWhatIsNotBuilt(input);
    const request = readTable(input);
    const { billing } = request;
    const now = clock.now();
    const indexes = [
      ...request.local.map((index) => this.#newIndex(index, 'local')),
      ...request.global.map((index) => this.#newIndex(index, 'global')),
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
    };
  }

  #newIndex(
    {
      name,
      key,
      projection,
      ...units
    }: IndexRequest & Pick<Partial<IndexDefinition>, 'onDemandMaximum'> & { readonly provisioned?: Units },
    kind: IndexDefinition['kind'],
  ): IndexDefinition {
    return {
      name,
      id: this.#parts.random.bytes(6).toString('hex'),
      kind,
      key,
      projection,
      status: 'ACTIVE',
      ...(units.provisioned && { provisioned: fresh(units.provisioned) }),
      ...(units.onDemandMaximum && { onDemandMaximum: units.onDemandMaximum }),
    };
  }

  async #withStream(definition: TableDefinition, viewType: StreamViewType | undefined): Promise<TableDefinition> {
    if (viewType === undefined) return definition;
    const streams = await this.#parts.streams();
    const { arn, label } = await streams.openStream(definition, viewType);
    return { ...definition, stream: { viewType, arn, label } };
  }

  /** @throws DynamodbError `resource-in-use` */
  async delete(table: LiveTable): Promise<void> {
    const { tables, streams } = this.#parts;
    await tables.delete(table, (definition) => {
      if (definition.deletionProtection) {
        throw invalid(
          `Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.`,
        );
      }
      return spacesOf(definition).map(discard);
    });
    const { stream } = table.definition;
    if (stream) await (await streams()).closeStream(stream.arn);
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
    return sum(
      this.#parts.tables
        .list(region)
        .flatMap(({ definition: { provisioned, indexes } }) => [
          provisioned,
          ...indexes.map((index) => index.provisioned ?? NOTHING),
        ]),
    );
  }
}

const NOTHING: Units = { read: 0, write: 0 };

const fresh = ({ read, write }: Units): Provisioned => ({ read, write, decreases: 0 });

function sum(units: readonly Units[]): Units {
  return units.reduce((all, { read, write }) => ({ read: all.read + read, write: all.write + write }), NOTHING);
}

/** All that a table has of the store. */
function spacesOf({ id, indexes, timeToLive }: TableDefinition): readonly string[] {
  return [
    itemsSpace(id),
    historySpace(id),
    progressSpace(id),
    ...indexes.map((index) => indexSpace(id, index)),
    ...(timeToLive ? [expirySpace(id, timeToLive)] : []),
  ];
}

/** @throws DynamodbError `validation-failed` */
export function streamAsked(specification: CreateTableInput['StreamSpecification']): StreamViewType | undefined {
  if (!specification) return undefined;
  const { StreamEnabled: enabled, StreamViewType: viewType } = specification;
  if (enabled && viewType === undefined) {
    throw invalid(
      'One or more parameter values were invalid: StreamViewType must be specified when StreamEnabled is true',
    );
  }
  if (!enabled && viewType !== undefined) {
    throw invalid(
      'One or more parameter values were invalid: StreamViewType can only be specified when StreamEnabled is true',
    );
  }
  return viewType;
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
