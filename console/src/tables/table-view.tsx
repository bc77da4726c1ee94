import { useCallback, useMemo, useState } from 'preact/hooks';
import { compact } from '../format.ts';
import { useReading } from '../hooks.ts';
import { Choice, Empty, Failure, Panel } from '../parts.tsx';
import { Definition } from './definition.tsx';
import { EMPTY_FORM } from './form.ts';
import { ItemEditor } from './item-editor.tsx';
import { ItemTable } from './item-table.tsx';
import { keyOfForm, QueryBuilder } from './query-builder.tsx';
import { type AwsRequest, keyOf, type QueryForm, queryRequest } from './requests.ts';
import { StreamTail } from './stream-tail.tsx';
import { describeTable, keyOfSchema, type TableDescription, typesOf } from './tables-api.ts';
import { ITEMS_MAX, useItems } from './use-items.ts';
import type { Attributes } from './values.ts';

const REFRESH_MS = 5_000;

type Tab = 'items' | 'definition' | 'stream';

/** One table: its items, what it is, and its changes. */
export function TableView(props: { readonly name: string; readonly onError: (error: unknown) => void }) {
  const { name } = props;
  const [table, setTable] = useState<TableDescription>();
  const [tab, setTab] = useState<Tab>('items');
  const error = useReading(
    async (signal) => {
      const now = await describeTable(name, signal);
      // The same table as before is the same object: what hangs on it is not done anew.
      setTable((before) => (JSON.stringify(before) === JSON.stringify(now) ? before : now));
    },
    REFRESH_MS,
    [name],
    props.onError,
  );
  return (
    <Panel
      id="tables"
      title={name}
      note={<a href="#tables">all tables</a>}
      tools={
        <Choice
          label="Part"
          name="table-tab"
          value={tab}
          options={[
            ['items', 'Items'],
            ['definition', 'Definition'],
            ['stream', 'Stream'],
          ]}
          onChange={setTab}
        />
      }
    >
      {error !== undefined && <Failure what="This table cannot be described." error={error} />}
      {table && tab === 'items' && <Items table={table} />}
      {table && tab === 'definition' && <Definition table={table} />}
      {table && tab === 'stream' && <StreamTail table={table} />}
    </Panel>
  );
}

/** The item that is open: one of the list, or a new one. */
type Open = { readonly item: Attributes | undefined } | undefined;

function Items(props: { readonly table: TableDescription }) {
  const { table } = props;
  const { TableName } = table;
  const tableKey = useMemo(() => keyOfSchema(table.KeySchema), [TableName]);
  const [form, setForm] = useState<QueryForm>(EMPTY_FORM);
  const build = (): AwsRequest => queryRequest(TableName, keyOfForm(table, form), typesOf(table), form);
  const [asked, setAsked] = useState<AwsRequest>(build);
  const [invalid, setInvalid] = useState<string>();
  const [open, setOpen] = useState<Open>();
  const [said, setSaid] = useState<string>();
  const { state, more, reload } = useItems(asked);
  const keys = useMemo(() => [tableKey, keyOfForm(table, form)], [asked]);
  const run = () => {
    try {
      setAsked(build());
      setInvalid(undefined);
      setSaid(undefined);
    } catch (error) {
      setInvalid(error instanceof Error ? error.message : String(error));
    }
  };
  const show = useCallback((item: Attributes) => setOpen({ item }), []);
  const done = (words: string) => {
    setOpen(undefined);
    setSaid(words);
    reload();
  };
  const { items, isLoading, next, error } = state;
  return (
    <>
      <QueryBuilder table={table} form={form} isBusy={false} onChange={setForm} onRun={run} />
      <Request form={form} build={build} />
      {invalid !== undefined && (
        <div class="failure" role="alert">
          <strong>This cannot be asked.</strong> {invalid}
        </div>
      )}
      {error !== undefined && <Failure what={`${asked.operation} has failed.`} error={error} />}
      <div class="query-line">
        <p class="note" role="status">
          {said !== undefined && <b>{said} </b>}
          {isLoading ? 'Reading…' : foundWords(state)}
        </p>
        <button type="button" class="plain" onClick={reload}>
          Refresh
        </button>
        <button type="button" class="plain" onClick={() => setOpen({ item: undefined })}>
          New item…
        </button>
      </div>
      <div class={open ? 'items open' : 'items'}>
        <div class="items-list">
          {items.length > 0 && <ItemTable items={items} keys={keys} onOpen={show} onEnd={more} />}
          {items.length === 0 && !isLoading && error === undefined && (
            <Empty title={next ? `None among ${compact(state.scanned)}.` : 'No item.'}>
              {next && (
                <button type="button" class="plain" onClick={more}>
                  Look further
                </button>
              )}
            </Empty>
          )}
          {items.length >= ITEMS_MAX && (
            <p class="quiet-note">{compact(ITEMS_MAX)} are shown: a narrower query finds others.</p>
          )}
        </div>
        {open && (
          <ItemEditor
            key={open.item ? JSON.stringify(keyOf(open.item, tableKey)) : 'new'}
            tableName={TableName}
            tableKey={tableKey}
            item={open.item}
            onClose={() => setOpen(undefined)}
            onDone={done}
          />
        )}
      </div>
    </>
  );
}

function foundWords({ items, scanned, units, next }: ReturnType<typeof useItems>['state']): string {
  const read = scanned === items.length ? '' : ` of ${compact(scanned)} read`;
  return `${compact(items.length)} items${read}${next ? ', there are more' : ''}; ${compact(units)} ${units === 1 ? 'unit' : 'units'}`;
}

/** The call of the API that the form stands for. */
function Request(props: { readonly form: QueryForm; readonly build: () => AwsRequest }) {
  const text = useMemo(() => {
    try {
      const { operation, input } = props.build();
      return `${operation} ${JSON.stringify(input, null, 2)}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }, [props.form]);
  return (
    <details class="request-text">
      <summary>Request</summary>
      <pre>{text}</pre>
    </details>
  );
}
