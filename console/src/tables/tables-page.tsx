import { useState } from 'preact/hooks';
import { bytes, compact } from '../format.ts';
import { usePolling, useSettled } from '../hooks.ts';
import { Empty, Failure, Panel, WideTable } from '../parts.tsx';
import { nameIn, SignedPage } from '../signed-page.tsx';
import { stylesBeside } from '../styles.ts';
import { capacityWords, keyWords } from './definition.tsx';
import { TableView } from './table-view.tsx';
import './tables.css';
import { describeTable, indexesOf, listTables, type TableDescription } from './tables-api.ts';

await stylesBeside(import.meta.url);

const REFRESH_MS = 10_000;
/** Names that are listed, and tables among them that are described at a time. */
const NAMES_MAX = 2_500;
const DESCRIBED_MAX = 100;
const DESCRIBED_AT_ONCE = 6;
const TYPING_MS = 250;

/** What the address says behind `#tables`: `/NAME` is one table. */
export function TablesPage(props: { readonly rest: string }) {
  const name = nameIn(props.rest);
  return (
    <SignedPage id="tables" title="Tables">
      {(onError) =>
        name === undefined ? <TableList onError={onError} /> : <TableView key={name} name={name} onError={onError} />
      }
    </SignedPage>
  );
}

function TableList(props: { readonly onError: (error: unknown) => void }) {
  const [names, setNames] = useState<readonly string[]>();
  const [tables, setTables] = useState<ReadonlyMap<string, TableDescription>>(new Map());
  const [error, setError] = useState<unknown>();
  const [search, setSearch] = useState('');
  const wanted = useSettled(search, TYPING_MS).toLowerCase();
  usePolling(
    async (signal) => {
      try {
        const all = await listTables(NAMES_MAX, signal);
        setNames(all);
        setError(undefined);
        const found = all.filter((name) => name.toLowerCase().includes(wanted)).slice(0, DESCRIBED_MAX);
        await describeAll(found, signal, (table) =>
          setTables((before) => new Map([...before, [table.TableName, table]])),
        );
      } catch (failure) {
        if (signal.aborted) return;
        setError(failure);
        props.onError(failure);
      }
    },
    REFRESH_MS,
    [wanted],
  );
  const found = (names ?? []).filter((name) => name.toLowerCase().includes(wanted));
  return (
    <Panel
      id="tables"
      title="Tables"
      note={names && `${names.length.toLocaleString('en-US')}`}
      tools={
        <input
          type="search"
          aria-label="Search tables"
          placeholder="Name"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {error !== undefined && <Failure what="Tables cannot be listed." error={error} />}
      {names?.length === 0 && (
        <Empty title="No tables yet.">
          <p>
            <code>aws dynamodb create-table</code>, a template with <code>AWS::DynamoDB::Table</code>, or any AWS SDK
            makes one.
          </p>
        </Empty>
      )}
      {names && names.length > 0 && found.length === 0 && <Empty title="No table matches." />}
      {found.length > 0 && (
        <WideTable
          label="Tables"
          headings={['Name', 'Status', 'Key', 'Items', 'Size', 'Capacity', 'Indexes', 'Stream']}
        >
          {found.slice(0, DESCRIBED_MAX).map((name) => (
            <Row key={name} name={name} table={tables.get(name)} />
          ))}
        </WideTable>
      )}
      {found.length > DESCRIBED_MAX && (
        <p class="quiet-note">
          {DESCRIBED_MAX} of {compact(found.length)} are shown: search for others.
        </p>
      )}
    </Panel>
  );
}

function Row(props: { readonly name: string; readonly table: TableDescription | undefined }) {
  const { name, table } = props;
  const stream = table?.StreamSpecification;
  return (
    <tr>
      <th scope="row">
        <a href={`#tables/${encodeURIComponent(name)}`}>{name}</a>
      </th>
      <td>{table?.TableStatus}</td>
      <td>{table && keyWords(table)}</td>
      <td class="number">{table && compact(table.ItemCount ?? 0)}</td>
      <td class="number">{table && bytes(table.TableSizeBytes ?? 0)}</td>
      <td>{table && capacityWords(table)}</td>
      <td>{table && (indexesOf(table).length || '–')}</td>
      <td>{stream?.StreamEnabled ? stream.StreamViewType : '–'}</td>
    </tr>
  );
}

/** A few at a time, each told as it comes; one that was deleted meanwhile is left out. */
async function describeAll(
  names: readonly string[],
  signal: AbortSignal,
  onTable: (table: TableDescription) => void,
): Promise<void> {
  const waiting = names.values();
  const lane = async () => {
    for (const name of waiting) {
      const table = await describeTable(name, signal).catch(() => undefined);
      if (table && !signal.aborted) onTable(table);
    }
  };
  await Promise.all(Array.from({ length: DESCRIBED_AT_ONCE }, lane));
}
