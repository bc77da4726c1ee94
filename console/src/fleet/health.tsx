import type { DeviceHealth } from './fleet-api.ts';

export const HEALTH_NAMES: Readonly<Record<DeviceHealth, string>> = {
  connected: 'connected',
  restless: 'restless',
  lost: 'lost',
  gone: 'gone',
  never: 'never seen',
};

export const HEALTH_MEANINGS: Readonly<Record<DeviceHealth, string>> = {
  connected: 'Connected, and has been well.',
  restless: 'Connects again and again, two minutes apart or less.',
  lost: 'Its connection has broken, or was ended because of what it did.',
  gone: 'Has said good-bye, or was let go.',
  never: 'A thing that has not been seen.',
};

/** A shape for each, so that colour is not needed to tell them apart. */
const SHAPES: Readonly<Record<DeviceHealth, string>> = {
  connected: 'M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9',
  restless: 'M8 2.5 14.5 13.5h-13Z',
  lost: 'M5.6 2.5h4.8l3.1 3.1v4.8l-3.1 3.1H5.6l-3.1-3.1V5.6Z',
  gone: 'M3.5 3.5h9v9h-9Z',
  never: 'M8 2.8 13.2 8 8 13.2 2.8 8Z',
};

export function HealthMark(props: { readonly health: DeviceHealth }) {
  return (
    <svg class={`health-mark ${props.health}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[props.health]} />
    </svg>
  );
}

export function Health(props: { readonly health: DeviceHealth }) {
  return (
    <span class="health" title={HEALTH_MEANINGS[props.health]}>
      <HealthMark health={props.health} />
      {HEALTH_NAMES[props.health]}
    </span>
  );
}

/** `CONNECTION_LOST` as a person would say it. */
export function reasonWords(reason: string): string {
  return REASONS[reason] ?? reason.toLowerCase().replaceAll('_', ' ');
}

const REASONS: Readonly<Record<string, string>> = {
  CLIENT_INITIATED_DISCONNECT: 'said good-bye',
  SERVER_INITIATED_DISCONNECT: 'let go by the node',
  API_INITIATED_DISCONNECT: 'disconnected by an operator',
  CONNECTION_LOST: 'connection lost',
  DUPLICATE_CLIENTID: 'another took its client id',
  MQTT_KEEP_ALIVE_TIMEOUT: 'silent for too long',
  AUTH_ERROR: 'did what it may not',
  FORBIDDEN_ACCESS: 'may not be connected any more',
  CLIENT_ERROR: 'broke the protocol',
  SERVER_ERROR: 'the node failed',
  THROTTLED: 'did not keep up',
};
