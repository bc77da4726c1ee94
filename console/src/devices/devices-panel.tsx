import { useState } from 'preact/hooks';
import { timeOfDay } from '../format.ts';
import { usePolling } from '../hooks.ts';
import { Choice, Empty, Failure, Panel } from '../parts.tsx';
import { Chart } from './chart.tsx';
import { RANGE_NAMES, RANGES, type Range } from './ranges.ts';
import {
  type Alert,
  findSource,
  listAlerts,
  listDevices,
  type Readings,
  readReadings,
  type Source,
} from './readings.ts';
import { DeviceSearch } from './search.tsx';

/** Refresh: the chart often, what exists rarely. */
const CHART_MS = 2000;
const CATALOG_MS = 10_000;

export function DevicesPanel(props: { readonly theme: string; readonly onError: (error: unknown) => void }) {
  const [source, setSource] = useState<Source>();
  const [devices, setDevices] = useState<readonly string[]>([]);
  const [recent, setRecent] = useState<readonly Alert[]>([]);
  const [picked, setPicked] = useState<string>();
  const [field, setField] = useState<string>();
  const [range, setRange] = useState<Range>('5m');
  const [error, setError] = useState<unknown>();

  usePolling(
    async (signal) => {
      try {
        const found = await findSource(signal);
        setSource(found);
        if (!found) return;
        const [names, alerts] = await Promise.all([listDevices(found, signal), listAlerts(found, undefined, signal)]);
        setDevices(names);
        setRecent(alerts);
        setError(undefined);
      } catch (failure) {
        if (signal.aborted) return;
        setError(failure);
        props.onError(failure);
      }
    },
    CATALOG_MS,
    [],
  );

  // The device with the newest alert is the one to look at, until somebody picks another.
  const device = picked ?? recent[0]?.device ?? devices[0];
  const shownField = field ?? source?.fields[0];
  const pick = (name: string) => {
    setPicked(name);
    document.getElementById('devices')?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <Panel
      id="devices"
      title="Devices"
      note={source ? `${source.database}.${source.table}` : undefined}
      tools={
        source && (
          <>
            {source.fields.length > 1 && (
              <select aria-label="Field" value={shownField} onChange={(event) => setField(event.currentTarget.value)}>
                {source.fields.map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            )}
            <Choice label="Time range" name="range" value={range} options={RANGE_NAMES} onChange={setRange} />
          </>
        )
      }
    >
      {error !== undefined && <Failure what="Readings cannot be read." error={error} />}
      {!source && error === undefined && (
        <Empty title="No readings yet.">
          <p>
            Points that functions or devices write to <code>/api/v2/write</code> with a <code>device</code> tag are
            charted here, live.
          </p>
        </Empty>
      )}
      {source && device !== undefined && shownField !== undefined && (
        <>
          <DeviceSearch devices={devices} value={device} onChange={setPicked} />
          <DeviceChart
            key={`${device}/${shownField}/${range}`}
            source={source}
            device={device}
            field={shownField}
            rangeMs={RANGES[range]}
            theme={props.theme}
          />
          <RecentAlerts alerts={recent} current={device} onPick={pick} />
        </>
      )}
    </Panel>
  );
}

const NO_READINGS: Readings = { times: [], values: [], baseline: undefined };

function DeviceChart(props: {
  readonly source: Source;
  readonly device: string;
  readonly field: string;
  readonly rangeMs: number;
  readonly theme: string;
}) {
  const { source, device, field, rangeMs } = props;
  const [readings, setReadings] = useState<Readings>();
  const [alerts, setAlerts] = useState<readonly Alert[]>([]);
  const [error, setError] = useState<unknown>();
  usePolling(
    async (signal) => {
      try {
        const [values, raised] = await Promise.all([
          readReadings(source, field, device, rangeMs, signal),
          listAlerts(source, device, signal),
        ]);
        setReadings(values);
        setAlerts(raised);
        setError(undefined);
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      }
    },
    CHART_MS,
    [source.table, device, field, rangeMs],
  );
  if (error !== undefined) return <Failure what={`${device} cannot be charted.`} error={error} />;
  if (readings && readings.times.length === 0) {
    return (
      <Empty title={`${device} has been silent for as long as this.`}>
        <p>Choose a longer time range, or another device.</p>
      </Empty>
    );
  }
  return (
    <Chart readings={readings ?? NO_READINGS} alerts={alerts} label={field} rangeMs={rangeMs} theme={props.theme} />
  );
}

function RecentAlerts(props: {
  readonly alerts: readonly Alert[];
  readonly current: string;
  readonly onPick: (device: string) => void;
}) {
  if (props.alerts.length === 0) return <p class="quiet-note">No alerts so far.</p>;
  return (
    <div class="alerts">
      <h3>
        Recent alerts <span class="count">{props.alerts.length < 50 ? props.alerts.length : '50+'}</span>
      </h3>
      <ul class="scroll" aria-label="Recent alerts">
        {props.alerts.map((alert) => (
          <li key={`${alert.device}${alert.time}`}>
            <button
              type="button"
              aria-current={alert.device === props.current}
              onClick={() => props.onPick(alert.device)}
            >
              <time>{timeOfDay(alert.time)}</time>
              <span>{alert.message}</span>
              <b>{alert.score.toFixed(1)}σ</b>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
