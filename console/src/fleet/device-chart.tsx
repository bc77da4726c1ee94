import { useState } from 'preact/hooks';
import { Chart } from '../devices/chart.tsx';
import { RANGE_NAMES, RANGES, type Range } from '../devices/ranges.ts';
import { type Alert, findSource, listAlerts, type Readings, readReadings, type Source } from '../devices/readings.ts';
import { usePolling } from '../hooks.ts';
import { Choice, Empty, Failure, Panel } from '../parts.tsx';
import type { LiveNumbers } from './live-numbers.ts';
import type { LiveView } from './use-messages.ts';

const REFRESH_MS = 2000;

interface Stored {
  readonly source: Source;
  readonly field: string;
  readonly readings: Readings;
  readonly alerts: readonly Alert[];
}

/** The device's readings: those in a time series where it has some there, else the numbers in what it publishes. */
export function DeviceChart(props: { readonly name: string; readonly live: LiveView; readonly theme: string }) {
  const { name, live, theme } = props;
  const [range, setRange] = useState<Range>('5m');
  const [picked, setPicked] = useState<string>();
  const [stored, setStored] = useState<Stored>();
  const [error, setError] = useState<unknown>();
  usePolling(
    async (signal) => {
      try {
        setStored(await readStored(name, picked, RANGES[range], signal));
        setError(undefined);
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      }
    },
    REFRESH_MS,
    [name, picked, range],
  );
  const fields = stored ? stored.source.fields : [...live.numbers.fields.keys()].sort();
  const field = stored ? stored.field : picked !== undefined && fields.includes(picked) ? picked : fields[0];
  const readings = stored ? stored.readings : liveReadings(live.numbers, field);
  return (
    <Panel
      id="device-chart"
      title="Readings"
      note={
        stored
          ? `${stored.source.database}.${stored.source.table}`
          : fields.length > 0
            ? 'as they are published'
            : undefined
      }
      tools={
        <>
          {fields.length > 1 && (
            <select aria-label="Field" value={field} onChange={(event) => setPicked(event.currentTarget.value)}>
              {fields.map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          )}
          {fields.length > 0 && (
            <Choice label="Time range" name="device-range" value={range} options={RANGE_NAMES} onChange={setRange} />
          )}
        </>
      }
    >
      {error !== undefined && <Failure what="Readings cannot be read." error={error} />}
      {field === undefined ? (
        <Empty title="No numbers so far.">
          <p>
            Points that are written with <code>device</code> tag <code>{name}</code> are charted here, or else the
            numbers in the JSON that it publishes.
          </p>
        </Empty>
      ) : (
        <Chart
          key={`${field} ${stored !== undefined}`}
          readings={readings}
          alerts={stored?.alerts ?? []}
          label={field}
          rangeMs={RANGES[range]}
          theme={theme}
        />
      )}
    </Panel>
  );
}

/** What the time series have of the device; `undefined` when nothing within the range. */
async function readStored(
  name: string,
  picked: string | undefined,
  rangeMs: number,
  signal: AbortSignal,
): Promise<Stored | undefined> {
  const source = await findSource(signal);
  if (!source) return undefined;
  const field = picked !== undefined && source.fields.includes(picked) ? picked : source.fields[0]!;
  const [readings, alerts] = await Promise.all([
    readReadings(source, field, name, rangeMs, signal),
    listAlerts(source, name, signal),
  ]);
  return readings.times.length === 0 ? undefined : { source, field, readings, alerts };
}

function liveReadings({ times, fields }: LiveNumbers, field: string | undefined): Readings {
  const values = field === undefined ? [] : (fields.get(field) ?? []);
  return { times: [...times], values: [...values], baseline: undefined };
}
