import { NO_CONDITION } from './form.ts';
import { type ConditionForm, FILTER_OPERATORS, type Key, type QueryForm, RANGE_OPERATORS } from './requests.ts';
import { indexesOf, keyOfSchema, type TableDescription, typesOf } from './tables-api.ts';
import type { AttributeType } from './values.ts';

const FILTERS_MAX = 10;

/** The key that a form's conditions are about. */
export function keyOfForm(table: TableDescription, { index }: QueryForm): Key {
  const found = indexesOf(table).find(({ IndexName }) => IndexName === index);
  return keyOfSchema((found ?? table).KeySchema);
}

/** Key conditions, filters, index and projection of a Query or Scan. */
export function QueryBuilder(props: {
  readonly table: TableDescription;
  readonly form: QueryForm;
  readonly isBusy: boolean;
  readonly onChange: (form: QueryForm) => void;
  readonly onRun: () => void;
}) {
  const { table, form } = props;
  const indexes = indexesOf(table);
  const key = keyOfForm(table, form);
  const types = typesOf(table);
  const change = (part: Partial<QueryForm>) => props.onChange({ ...form, ...part });
  const isGlobal = indexes.some(({ IndexName, isGlobal }) => IndexName === form.index && isGlobal);
  const setFilter = (at: number, filter: ConditionForm | undefined) =>
    change({ filters: form.filters.flatMap((one, index) => (index === at ? (filter ?? []) : one)) });
  return (
    <form
      class="query-builder"
      aria-label="Query"
      onSubmit={(event) => {
        event.preventDefault();
        props.onRun();
      }}
    >
      <div class="query-line">
        <label class="field">
          <span>Operation</span>
          <select
            value={form.isScan ? 'Scan' : 'Query'}
            onChange={(event) => change({ isScan: event.currentTarget.value === 'Scan' })}
          >
            <option>Query</option>
            <option>Scan</option>
          </select>
        </label>
        <label class="field">
          <span>Of</span>
          <select
            value={form.index ?? ''}
            onChange={(event) => {
              const { value } = event.currentTarget;
              change({ index: value === '' ? undefined : value, partition: [], sort: [], isConsistent: false });
            }}
          >
            <option value="">the table</option>
            {indexes.map(({ IndexName }) => (
              <option key={IndexName} value={IndexName}>
                index {IndexName}
              </option>
            ))}
          </select>
        </label>
        {!form.isScan && (
          <>
            {key.partition.map((name, at) => (
              <label class="field" key={name}>
                <span>
                  {name} <i>{types[name]}</i>
                </span>
                <input
                  value={form.partition[at] ?? ''}
                  onInput={(event) =>
                    change({ partition: withOne(key.partition, form.partition, at, event.currentTarget.value, '') })
                  }
                />
              </label>
            ))}
            {key.sort.map((name, at) => (
              <Condition
                key={name}
                label={name}
                operators={RANGE_OPERATORS}
                type={types[name]}
                value={form.sort[at] ?? NO_CONDITION}
                onChange={(value) => change({ sort: withOne(key.sort, form.sort, at, value, NO_CONDITION) })}
              />
            ))}
          </>
        )}
      </div>
      {form.filters.map((filter, at) => (
        <div class="query-line filter" key={at}>
          <label class="field">
            <span>Filter: attribute</span>
            <input
              value={filter.name}
              placeholder="name or path, a.b[0]"
              onInput={(event) => setFilter(at, { ...filter, name: event.currentTarget.value })}
            />
          </label>
          <Condition
            label="condition"
            operators={FILTER_OPERATORS}
            type={undefined}
            value={filter}
            onChange={(to) => setFilter(at, to)}
          />
          <button type="button" class="plain" aria-label="Remove this filter" onClick={() => setFilter(at, undefined)}>
            Remove
          </button>
        </div>
      ))}
      <div class="query-line">
        <label class="field wide">
          <span>Attributes</span>
          <input
            value={form.projection}
            placeholder="all, or names parted by commas"
            onInput={(event) => change({ projection: event.currentTarget.value })}
          />
        </label>
        {!form.isScan && (
          <label class="check">
            <input
              type="checkbox"
              checked={form.isReversed}
              onChange={(event) => change({ isReversed: event.currentTarget.checked })}
            />
            descending
          </label>
        )}
        {!isGlobal && (
          <label class="check">
            <input
              type="checkbox"
              checked={form.isConsistent}
              onChange={(event) => change({ isConsistent: event.currentTarget.checked })}
            />
            consistent
          </label>
        )}
        <button
          type="button"
          class="plain"
          disabled={form.filters.length >= FILTERS_MAX}
          onClick={() => change({ filters: [...form.filters, NO_CONDITION] })}
        >
          Add filter
        </button>
        <button type="submit" class="plain main" disabled={props.isBusy}>
          Run
        </button>
      </div>
    </form>
  );
}

/** What is typed in for each of `names`, with what stands at `at` changed; `none` where nothing is yet. */
function withOne<T>(names: readonly string[], typed: readonly T[], at: number, value: T, none: T): readonly T[] {
  return names.map((_, index) => (index === at ? value : (typed[index] ?? none)));
}

const FILTER_TYPES: readonly AttributeType[] = ['S', 'N', 'B', 'BOOL', 'NULL', 'L', 'M', 'SS', 'NS', 'BS'];

/** Operator and value; with a type to choose where none is given. */
function Condition(props: {
  readonly label: string;
  readonly operators: readonly string[];
  readonly type: AttributeType | undefined;
  readonly value: ConditionForm;
  readonly onChange: (value: ConditionForm) => void;
}) {
  const { label, value, onChange, type } = props;
  const hasValue = !value.operator.startsWith('attribute_');
  return (
    <>
      <label class="field">
        <span>
          {label} {type && <i>{type}</i>}
        </span>
        <select
          value={value.operator}
          onChange={(event) => onChange({ ...value, operator: event.currentTarget.value })}
        >
          {props.operators.map((operator) => (
            <option key={operator}>{operator}</option>
          ))}
        </select>
      </label>
      {hasValue && (
        <>
          {type === undefined && (
            <label class="field">
              <span>type</span>
              <select
                value={value.type}
                onChange={(event) => onChange({ ...value, type: event.currentTarget.value as AttributeType })}
              >
                {FILTER_TYPES.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </label>
          )}
          <label class="field">
            <span>{value.operator === 'between' ? 'from' : 'value'}</span>
            <input value={value.value} onInput={(event) => onChange({ ...value, value: event.currentTarget.value })} />
          </label>
          {value.operator === 'between' && (
            <label class="field">
              <span>to</span>
              <input
                value={value.upper}
                onInput={(event) => onChange({ ...value, upper: event.currentTarget.value })}
              />
            </label>
          )}
        </>
      )}
    </>
  );
}
