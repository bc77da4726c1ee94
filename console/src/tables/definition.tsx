import { useState } from 'preact/hooks';
import { bytes, compact, dateTime } from '../format.ts';
import { usePolling } from '../hooks.ts';
import { FactList, WideTable } from '../parts.tsx';
import {
  describeTimeToLive,
  type IndexDescription,
  indexesOf,
  type TableDescription,
  type Throughput,
  type TimeToLive,
  typesOf,
} from './tables-api.ts';

const REFRESH_MS = 10_000;

/** What a table is: keys, size, throughput, indexes, expiry, stream. */
export function Definition(props: { readonly table: TableDescription }) {
  const { table } = props;
  const [ttl, setTtl] = useState<TimeToLive>();
  usePolling(async (signal) => setTtl(await describeTimeToLive(table.TableName, signal)), REFRESH_MS, [
    table.TableName,
  ]);
  const indexes = indexesOf(table);
  const { CreationDateTime: created, StreamSpecification: stream } = table;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['status', table.TableStatus],
    ['key', keyWords(table)],
    ['items', `${compact(table.ItemCount ?? 0)} (${bytes(table.TableSizeBytes ?? 0)}), counted now and then`],
    ['capacity', capacityWords(table)],
    ['expiry', ttlWords(ttl)],
    ['stream', stream?.StreamEnabled ? stream.StreamViewType : 'none'],
    ['made', created === undefined ? undefined : dateTime(created * 1000)],
    ['deletion', table.DeletionProtectionEnabled ? 'protected' : 'not protected'],
    ['ARN', table.TableArn],
  ];
  return (
    <div class="definition">
      <FactList facts={rows} />
      <h3>Indexes</h3>
      {indexes.length === 0 ? (
        <p class="quiet-note">None.</p>
      ) : (
        <WideTable label="Indexes" headings={['Name', 'Kind', 'Key', 'Projects', 'Status', 'Items', 'Capacity']}>
          {indexes.map((index) => (
            <tr key={index.IndexName}>
              <th scope="row">{index.IndexName}</th>
              <td>{index.isGlobal ? 'global' : 'local'}</td>
              <td>{indexKeyWords(index, table)}</td>
              <td>{projectionWords(index)}</td>
              <td>{index.IndexStatus ?? 'ACTIVE'}</td>
              <td>{compact(index.ItemCount ?? 0)}</td>
              <td>{index.isGlobal ? unitsWords(index.ProvisionedThroughput) : 'the table’s'}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </div>
  );
}

export function keyWords(table: TableDescription): string {
  return indexKeyWords(table, table);
}

function indexKeyWords({ KeySchema }: Pick<IndexDescription, 'KeySchema'>, table: TableDescription): string {
  const types = typesOf(table);
  return KeySchema.map(({ AttributeName }) => `${AttributeName} (${types[AttributeName]})`).join(', ');
}

function projectionWords({ Projection }: IndexDescription): string {
  const { ProjectionType, NonKeyAttributes = [] } = Projection ?? {};
  if (ProjectionType === 'INCLUDE') return NonKeyAttributes.join(', ');
  return ProjectionType === 'KEYS_ONLY' ? 'keys only' : 'all attributes';
}

export function capacityWords({ BillingModeSummary, ProvisionedThroughput }: TableDescription): string {
  return BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' ? 'on demand' : unitsWords(ProvisionedThroughput);
}

function unitsWords(throughput: Throughput | undefined): string {
  const { ReadCapacityUnits: reads = 0, WriteCapacityUnits: writes = 0 } = throughput ?? {};
  return reads === 0 && writes === 0 ? 'on demand' : `${compact(reads)} read, ${compact(writes)} write units`;
}

function ttlWords(ttl: TimeToLive | undefined): string | undefined {
  if (ttl?.TimeToLiveStatus === undefined) return undefined;
  return ttl.TimeToLiveStatus === 'ENABLED' ? `by ${ttl.AttributeName}` : ttl.TimeToLiveStatus.toLowerCase();
}
