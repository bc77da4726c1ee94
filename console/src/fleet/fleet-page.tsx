import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { compact } from '../format.ts';
import { useSettled } from '../hooks.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { SignIn } from '../sign-in.tsx';
import { stylesBeside } from '../styles.ts';
import { DevicePage } from './device-page.tsx';
import './fleet.css';
import type { DeviceFilter, DeviceHealth, DeviceList, DeviceSort, FleetQuery } from './fleet-api.ts';
import { FleetTable } from './fleet-table.tsx';
import { HEALTH_MEANINGS, HEALTH_NAMES, HealthMark } from './health.tsx';
import { useFleet } from './use-fleet.ts';

await stylesBeside(import.meta.url);

/** Typing pauses this long before the search is used. */
const TYPING_MS = 250;

/** What the address says behind `#fleet`: `/NAME` is one device, `?health=lost` a filter. */
export function FleetPage(props: { readonly rest: string; readonly theme: string }) {
  const name = /^\/([^?]+)/.exec(props.rest)?.[1];
  if (name !== undefined) {
    const device = decodeURIComponent(name);
    return <DevicePage key={device} name={device} theme={props.theme} />;
  }
  return <FleetList asked={props.rest.replace(/^\/?\??/, '')} />;
}

function FleetList(props: { readonly asked: string }) {
  const [filter, setFilter] = useState<DeviceFilter>(() => filterOf(props.asked));
  const [order, setOrder] = useState<{ readonly sort: DeviceSort; readonly isReversed: boolean }>({
    sort: 'name',
    isReversed: false,
  });
  useEffect(() => setFilter(filterOf(props.asked)), [props.asked]);
  const settled = useSettled(filter, TYPING_MS);
  const query: FleetQuery = { filter: settled, ...order };
  const fleet = useFleet(query);
  const { list, error } = fleet;
  const change = (name: keyof DeviceFilter, value: string) => {
    const { [name]: _, ...rest } = filter;
    setFilter(value === '' ? rest : { ...rest, [name]: value });
  };
  const sortBy = (sort: DeviceSort) =>
    setOrder((before) => ({ sort, isReversed: before.sort === sort && !before.isReversed }));
  const total = list && Object.values(list.counts).reduce((sum, count) => sum + count, 0);
  return (
    <Panel
      id="fleet"
      title="Fleet"
      note={total === undefined ? undefined : noteOf(total, list!.found)}
      tools={<Filters filter={filter} list={list} onChange={change} />}
    >
      <HealthChoice list={list} total={total} value={filter.health} onChange={(health) => change('health', health)} />
      {error instanceof ApiError && error.status === 401 ? (
        <SignIn onDone={fleet.reload} />
      ) : (
        error !== undefined && <Failure what="The fleet cannot be listed." error={error} />
      )}
      {total === 0 && (
        <Empty title="No devices yet.">
          <p>
            Things of the registry and clients that connect over MQTT are listed here.{' '}
            <code>millrace devices create</code> makes one with a certificate; <code>millrace simulate</code> drives a
            fleet.
          </p>
        </Empty>
      )}
      {total !== 0 && list && list.found === 0 && <Empty title="No device matches." />}
      {list && list.found > 0 && (
        <FleetTable fleet={fleet} found={list.found} {...order} onSort={sortBy} resetKey={JSON.stringify(query)} />
      )}
    </Panel>
  );
}

function filterOf(asked: string): DeviceFilter {
  const known = new Set(['search', 'health', 'type', 'group']);
  return Object.fromEntries([...new URLSearchParams(asked)].filter(([name]) => known.has(name)));
}

function noteOf(total: number, found: number): string {
  const all = `${total.toLocaleString('en-US')} ${total === 1 ? 'device' : 'devices'}`;
  return found === total ? all : `${found.toLocaleString('en-US')} of ${all}`;
}

function Filters(props: {
  readonly filter: DeviceFilter;
  readonly list: DeviceList | undefined;
  readonly onChange: (name: keyof DeviceFilter, value: string) => void;
}) {
  const { filter, list, onChange } = props;
  return (
    <search class="fleet-filters">
      <Select
        label="Type"
        all="All types"
        names={list?.types}
        value={filter.type}
        onChange={(to) => onChange('type', to)}
      />
      <Select
        label="Group"
        all="All groups"
        names={list?.groups}
        value={filter.group}
        onChange={(to) => onChange('group', to)}
      />
      <input
        type="search"
        aria-label="Search devices"
        placeholder="Name, address, attribute"
        value={filter.search ?? ''}
        onInput={(event) => onChange('search', event.currentTarget.value)}
      />
    </search>
  );
}

/** Nothing to choose from is no choice: it is not shown. */
function Select(props: {
  readonly label: string;
  readonly all: string;
  readonly names: readonly string[] | undefined;
  readonly value: string | undefined;
  readonly onChange: (name: string) => void;
}) {
  const { names = [], value = '' } = props;
  if (names.length === 0 && value === '') return null;
  return (
    <select aria-label={props.label} value={value} onChange={(event) => props.onChange(event.currentTarget.value)}>
      <option value="">{props.all}</option>
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

const ORDER = ['connected', 'restless', 'lost', 'gone', 'never'] as const satisfies readonly DeviceHealth[];

function HealthChoice(props: {
  readonly list: DeviceList | undefined;
  readonly total: number | undefined;
  readonly value: DeviceHealth | undefined;
  readonly onChange: (health: DeviceHealth | '') => void;
}) {
  const { list, total = 0, value = '', onChange } = props;
  const options = [
    ['', 'all', total],
    ...ORDER.map((one) => [one, HEALTH_NAMES[one], list?.counts[one] ?? 0]),
  ] as const;
  return (
    <fieldset class="health-choice">
      <legend class="hidden">Health</legend>
      {(options as readonly (readonly [DeviceHealth | '', string, number])[]).map(([health, name, count]) => (
        <label
          key={health}
          class={health === value ? 'on' : ''}
          title={health === '' ? 'All devices' : HEALTH_MEANINGS[health]}
        >
          <input type="radio" name="health" checked={health === value} onChange={() => onChange(health)} />
          {health !== '' && <HealthMark health={health} />}
          <span>{name}</span>
          <b>{compact(count)}</b>
        </label>
      ))}
    </fieldset>
  );
}
