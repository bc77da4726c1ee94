import { useEffect, useState } from 'preact/hooks';
import { age, dateTime, duration } from '../format.ts';
import { Failure, Panel } from '../parts.tsx';
import { type DeviceConnection, readConnections } from './fleet-api.ts';
import { reasonWords } from './health.tsx';

/** Rows of the table; the picture shows all that are known. */
const SHOWN_MAX = 20;
/** The picture spans at least this. */
const SPAN_MS_MIN = 10 * 60_000;
const WIDTH = 600;

/** When the device was connected: as a picture, and in words. Read anew when its connection changes. */
export function Connections(props: { readonly name: string; readonly last: DeviceConnection | undefined }) {
  const { name, last } = props;
  const [connections, setConnections] = useState<readonly DeviceConnection[]>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const stop = new AbortController();
    readConnections(name, stop.signal).then(
      (read) => {
        setConnections(read);
        setError(undefined);
      },
      (failure: unknown) => {
        if (!stop.signal.aborted) setError(failure);
      },
    );
    return () => stop.abort();
  }, [name, last?.number, last?.disconnectedAt]);
  const all = connections ?? [];
  return (
    <Panel
      id="device-connections"
      title="Connections"
      note={last === undefined ? undefined : `${last.number + 1} so far`}
    >
      {error !== undefined && <Failure what="Connections cannot be read." error={error} />}
      {connections && all.length === 0 && <p class="quiet-note">It has never been connected.</p>}
      {all.length > 0 && (
        <>
          <Timeline connections={all} />
          <div class="scroll">
            <table class="connections">
              <thead>
                <tr>
                  <th scope="col">Connected</th>
                  <th scope="col">For</th>
                  <th scope="col">Ended by</th>
                  <th scope="col">Address</th>
                </tr>
              </thead>
              <tbody>
                {all.slice(0, SHOWN_MAX).map((one) => (
                  <tr key={one.number}>
                    <td>{dateTime(one.connectedAt)}</td>
                    <td>{duration((one.disconnectedAt ?? Date.now()) - one.connectedAt)}</td>
                    <td>{one.reason === undefined ? 'still connected' : reasonWords(one.reason)}</td>
                    <td>{one.ip}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {all.length > SHOWN_MAX && (
            <p class="quiet-note">The picture shows {all.length - SHOWN_MAX} earlier ones besides.</p>
          )}
        </>
      )}
    </Panel>
  );
}

/** A bar as long as the time that is known, filled while the device was connected. */
function Timeline(props: { readonly connections: readonly DeviceConnection[] }) {
  const { connections } = props;
  const now = Date.now();
  const start = Math.min(connections.at(-1)!.connectedAt, now - SPAN_MS_MIN);
  const x = (time: number) => ((time - start) / (now - start)) * WIDTH;
  const connected = connections.reduce(
    (sum, { connectedAt, disconnectedAt }) => sum + (disconnectedAt ?? now) - connectedAt,
    0,
  );
  const share = Math.round((connected / (now - connections.at(-1)!.connectedAt || 1)) * 100);
  return (
    <figure class="timeline">
      <svg
        viewBox={`0 0 ${WIDTH} 18`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Connected ${share}% of the time that is known`}
      >
        <title>{`Connected ${share}% of the time that is known`}</title>
        {connections.map(({ number, connectedAt, disconnectedAt }) => (
          <rect
            key={number}
            x={x(connectedAt)}
            width={Math.max(1.5, x(disconnectedAt ?? now) - x(connectedAt))}
            y="0"
            height="18"
          />
        ))}
      </svg>
      <figcaption>
        <span>{age(now - start)} ago</span>
        <span>connected {share}%</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}
