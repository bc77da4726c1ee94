import { useState } from 'preact/hooks';
import { ApiError } from '../api.ts';
import { age, dateTime } from '../format.ts';
import { useAction, usePolling } from '../hooks.ts';
import { Dialog, Empty, Failure, Panel } from '../parts.tsx';
import { SignIn } from '../sign-in.tsx';
import { Connections } from './connections.tsx';
import { DeviceChart } from './device-chart.tsx';
import { type DeviceDetail, disconnectDevice, readDevice } from './fleet-api.ts';
import { HEALTH_MEANINGS, Health, reasonWords } from './health.tsx';
import { LiveMessages } from './live-messages.tsx';
import { PolicyCheck } from './policy-check.tsx';
import { Principals } from './principals.tsx';
import { useMessages } from './use-messages.ts';

const REFRESH_MS = 2000;

/** One device: who it is, how it is doing, what it says. */
export function DevicePage(props: { readonly name: string; readonly theme: string }) {
  const { name } = props;
  const [device, setDevice] = useState<DeviceDetail>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  usePolling(
    async (signal) => {
      try {
        setDevice(await readDevice(name, signal));
        setError(undefined);
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      }
    },
    REFRESH_MS,
    [name, round],
  );
  const reload = () => setRound((before) => before + 1);
  const live = useMessages(name, device !== undefined);
  return (
    <div class="device-page">
      <DeviceHead name={name} device={device} onChanged={reload} />
      {error instanceof ApiError && error.status === 401 && <SignIn onDone={reload} />}
      {error instanceof ApiError && error.status === 404 && (
        <Empty title={`There is no device ${name}.`}>
          <p>No thing and no client of this name is known. Clients that are no things are forgotten after a week.</p>
        </Empty>
      )}
      {error !== undefined && !(error instanceof ApiError && (error.status === 401 || error.status === 404)) && (
        <Failure what={`${name} cannot be read.`} error={error} />
      )}
      {device && (
        <div class="device-columns">
          <div class="device-column">
            <DeviceChart name={name} live={live} theme={props.theme} />
            <LiveMessages live={live} />
          </div>
          <div class="device-column">
            <Facts device={device} />
            <Principals device={device} />
            <PolicyCheck device={device} />
            <Connections name={name} last={device.connection} />
          </div>
        </div>
      )}
    </div>
  );
}

function DeviceHead(props: {
  readonly name: string;
  readonly device: DeviceDetail | undefined;
  readonly onChanged: () => void;
}) {
  const { name, device } = props;
  const [isAsking, setIsAsking] = useState(false);
  const { run, isBusy, error } = useAction();
  const isConnected = device?.connectedAt !== undefined;
  const disconnect = () => {
    setIsAsking(false);
    void run(async (signal) => {
      await disconnectDevice(name, signal);
      props.onChanged();
    });
  };
  return (
    <>
      <header class="device-head">
        <a href="#fleet" class="back">
          ← Fleet
        </a>
        <h2>{name}</h2>
        {device && (
          <>
            <Health health={device.health} />
            <span class="note">{HEALTH_MEANINGS[device.health]}</span>
            <button
              type="button"
              class="plain danger"
              disabled={!isConnected || isBusy}
              onClick={() => setIsAsking(true)}
            >
              Disconnect
            </button>
          </>
        )}
      </header>
      {error !== undefined && <Failure what={`${name} could not be disconnected.`} error={error} />}
      {isAsking && (
        <Dialog
          title={`Disconnect ${name}?`}
          confirm="Disconnect"
          isDangerous
          onConfirm={disconnect}
          onCancel={() => setIsAsking(false)}
        >
          <p>Its connection ends and its will is published. Most devices connect again at once.</p>
        </Dialog>
      )}
    </>
  );
}

function Facts(props: { readonly device: DeviceDetail }) {
  const { device } = props;
  const { connection, connectedAt, lastSeenAt, reason, time } = device;
  const rows: readonly (readonly [string, string | undefined])[] = [
    [
      'connected',
      connectedAt === undefined ? undefined : `for ${age(time - connectedAt)}, since ${dateTime(connectedAt)}`,
    ],
    [
      'last seen',
      connectedAt !== undefined || lastSeenAt === undefined
        ? undefined
        : `${age(time - lastSeenAt)} ago, ${dateTime(lastSeenAt)}`,
    ],
    ['why', reason === undefined ? undefined : reasonWords(reason)],
    ['protocol', connection && protocolOf(connection)],
    ['address', connection?.ip],
    ['keep-alive', connection && (connection.keepAlive === 0 ? 'none' : `${connection.keepAlive} s`)],
    ['session', connection && (connection.cleanStart ? 'began clean' : 'goes on')],
    ['client id', connection && connection.clientId !== device.name ? connection.clientId : undefined],
    ['thing', device.arn ?? 'not in the registry'],
    ['type', device.typeName],
    ['groups', device.groups.length > 0 ? device.groups.join(', ') : undefined],
  ];
  const attributes = Object.entries(device.attributes);
  return (
    <Panel id="device-facts" title="Device">
      <dl class="facts">
        {rows.map(
          ([label, value]) =>
            value !== undefined && (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      {attributes.length > 0 && (
        <>
          <h3>Attributes</h3>
          <dl class="facts">
            {attributes.map(([label, value]) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
      <h3>Subscriptions</h3>
      {device.subscriptions.length === 0 ? (
        <p class="quiet-note">None.</p>
      ) : (
        <ul class="subscriptions">
          {device.subscriptions.map(({ filter, qos }) => (
            <li key={filter}>
              <code>{filter}</code> QoS {qos}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function protocolOf({ version, isEncrypted }: { readonly version: number; readonly isEncrypted: boolean }): string {
  return `MQTT ${version === 5 ? '5' : '3.1.1'}${isEncrypted ? ' over TLS' : ', not encrypted'}`;
}
