import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { LineCounter, parseDocument } from 'yaml';
import { UsageError } from '../command.ts';
import { type Recording, readRecording } from './recording.ts';

/** A fleet of devices as the simulator runs it: resolved, with defaults filled in and units in the names. */
export interface Fleet {
  readonly host: string;
  readonly port: number;
  /** Absent is plain TCP. */
  readonly tls?: FleetTls;
  /** MQTT 3.1.1 or 5. */
  readonly protocol: 4 | 5;
  readonly username?: string;
  readonly password?: string;
  readonly devices: number;
  /** `press-{0000}`: the braces hold the index, filled with zeros. */
  readonly idPattern: string;
  /** `{device}` stands for the device's id. */
  readonly topicPattern: string;
  readonly qos: 0 | 1 | 2;
  /** Unacknowledged messages of one device: 1 to 1,000. */
  readonly window: number;
  /** Messages that a device keeps while it is not connected, the newest: 0 to 10,000. 0 measures nothing meanwhile. */
  readonly buffer: number;
  readonly sessionExpirySeconds: number;
  /** `{device}` stands for the device's id in both. */
  readonly will?: FleetWill;
  /** What every device subscribes to. */
  readonly subscribe?: { readonly topic: string; readonly qos: 0 | 1 };
  readonly connect: {
    /** Connections that are being made at the same time. */
    readonly atOnce: number;
    /** The fleet dials for the first time within so long. */
    readonly spreadSeconds: number;
  };
  /** How devices come back: within `jitterSeconds`, then with growing pauses up to `backoffSecondsMax`. */
  readonly reconnect: { readonly jitterSeconds?: number; readonly backoffSecondsMax: number };
  /** Each device is away by itself, about so often and so long. */
  readonly spells?: { readonly everySeconds: number; readonly durationSeconds: number };
  /** What happens to many at the same time. */
  readonly outages: readonly Outage[];
  readonly keepAliveSeconds: number;
  /** Messages a second of one device. */
  readonly rate: number;
  /** Each pause is longer or shorter by up to this share of it, 0 to 1. */
  readonly jitter: number;
  readonly spikes?: { readonly everySeconds: number; readonly durationSeconds: number; readonly factor: number };
  /** Share of messages that are malformed, 0 to 1. */
  readonly malformed: number;
  readonly seed: number;
  readonly recording?: Recording;
  /** Field of the payload by column of the recording. */
  readonly columns: Readonly<Record<string, string>>;
  /** Seconds of the recording that pass in one second; absent plays one row a message. */
  readonly acceleration?: number;
  /** Fields that every payload has. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** TLS of a fleet: paths are absolute. */
export interface FleetTls {
  /** PEM file of the authority that the broker's certificate must come from; else the well-known ones. */
  readonly caFile?: string;
  /** One certificate for all devices. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** One for each device: what `--enroll` writes. */
  readonly identities?: string;
}

export interface FleetWill {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  /** MQTT 5. */
  readonly delaySeconds: number;
}

/** A share of the fleet goes, once or again and again. */
export interface Outage {
  readonly kind: 'network' | 'power';
  readonly atSeconds: number;
  readonly everySeconds?: number;
  readonly durationSeconds: number;
  readonly share: number;
  readonly burst: number;
  readonly jitterSeconds?: number;
}

/** Numbers of a fleet (S5). */
export const FLEET_LIMITS = {
  devicesMax: 20_000,
  /** Messages a second of one device. */
  rateMax: 10_000,
  windowMax: 1000,
  /** Messages that one device keeps while it is not connected. */
  bufferMax: 10_000,
  outagesMax: 20,
} as const;

interface FleetFile {
  readonly broker?: string;
  readonly protocol?: '3.1.1' | 5;
  readonly username?: string;
  readonly password?: string;
  readonly devices: {
    readonly count: number;
    readonly id?: string;
    readonly topic: string;
    readonly qos?: 0 | 1 | 2;
    readonly window?: number;
    readonly buffer?: number;
    readonly keepAliveSeconds?: number;
    readonly sessionExpirySeconds?: number;
    readonly will?: Pick<FleetWill, 'topic' | 'payload'> & Partial<FleetWill>;
    readonly subscribe?: { readonly topic: string; readonly qos?: 0 | 1 };
  };
  readonly tls?: FleetTls;
  readonly connect?: Partial<Fleet['connect']>;
  readonly reconnect?: Partial<Fleet['reconnect']>;
  readonly spells?: Fleet['spells'];
  readonly outages?: readonly (Pick<Outage, 'kind' | 'atSeconds' | 'durationSeconds'> & Partial<Outage>)[];
  readonly rate: number;
  readonly jitter?: number;
  readonly spikes?: Fleet['spikes'];
  readonly malformed?: number;
  readonly seed?: number;
  readonly replay?: {
    readonly file: string;
    readonly time: string;
    readonly columns: Readonly<Record<string, string>>;
    readonly acceleration?: number;
  };
  readonly payload?: Readonly<Record<string, unknown>>;
}

const share = { type: 'number', minimum: 0, maximum: 1 };
const positive = { type: 'number', exclusiveMinimum: 0 };
const file = { type: 'string', minLength: 1 };

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['devices', 'rate'],
  properties: {
    broker: { type: 'string', pattern: '^mqtts?://[^/:]+(:[0-9]+)?/?$' },
    protocol: { enum: ['3.1.1', 5] },
    username: { type: 'string' },
    password: { type: 'string' },
    devices: {
      type: 'object',
      additionalProperties: false,
      required: ['count', 'topic'],
      properties: {
        count: { type: 'integer', minimum: 1, maximum: FLEET_LIMITS.devicesMax },
        id: { type: 'string', pattern: '^[^{}]*\\{0+\\}[^{}]*$' },
        topic: { type: 'string', pattern: '^[^+#]+$' },
        qos: { enum: [0, 1, 2] },
        window: { type: 'integer', minimum: 1, maximum: FLEET_LIMITS.windowMax },
        buffer: { type: 'integer', minimum: 0, maximum: FLEET_LIMITS.bufferMax },
        keepAliveSeconds: { type: 'integer', minimum: 5, maximum: 3600 },
        sessionExpirySeconds: { type: 'integer', minimum: 0, maximum: 604_800 },
        will: {
          type: 'object',
          additionalProperties: false,
          required: ['topic', 'payload'],
          properties: {
            topic: { type: 'string', pattern: '^[^+#]+$' },
            payload: { type: 'string' },
            qos: { enum: [0, 1] },
            retain: { type: 'boolean' },
            delaySeconds: { type: 'integer', minimum: 0, maximum: 86_400 },
          },
        },
        subscribe: {
          type: 'object',
          additionalProperties: false,
          required: ['topic'],
          properties: { topic: { type: 'string', minLength: 1 }, qos: { enum: [0, 1] } },
        },
      },
    },
    tls: {
      type: 'object',
      additionalProperties: false,
      properties: { caFile: file, certFile: file, keyFile: file, identities: file },
      dependencies: { certFile: ['keyFile'], keyFile: ['certFile'] },
    },
    connect: {
      type: 'object',
      additionalProperties: false,
      properties: {
        atOnce: { type: 'integer', minimum: 1, maximum: FLEET_LIMITS.devicesMax },
        spreadSeconds: { type: 'number', minimum: 0, maximum: 86_400 },
      },
    },
    reconnect: {
      type: 'object',
      additionalProperties: false,
      properties: {
        jitterSeconds: { type: 'number', minimum: 0, maximum: 3600 },
        backoffSecondsMax: { type: 'number', minimum: 0.2, maximum: 3600 },
      },
    },
    spells: {
      type: 'object',
      additionalProperties: false,
      required: ['everySeconds', 'durationSeconds'],
      properties: { everySeconds: positive, durationSeconds: positive },
    },
    outages: {
      type: 'array',
      maxItems: FLEET_LIMITS.outagesMax,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['kind', 'atSeconds', 'durationSeconds'],
        properties: {
          kind: { enum: ['network', 'power'] },
          atSeconds: { type: 'number', minimum: 0 },
          everySeconds: positive,
          durationSeconds: positive,
          share,
          burst: { type: 'integer', minimum: 0, maximum: FLEET_LIMITS.bufferMax },
          jitterSeconds: { type: 'number', minimum: 0, maximum: 3600 },
        },
      },
    },
    rate: { ...positive, maximum: FLEET_LIMITS.rateMax },
    jitter: share,
    spikes: {
      type: 'object',
      additionalProperties: false,
      required: ['everySeconds', 'durationSeconds', 'factor'],
      properties: { everySeconds: positive, durationSeconds: positive, factor: { ...positive, maximum: 1000 } },
    },
    malformed: share,
    seed: { type: 'integer', minimum: 0 },
    replay: {
      type: 'object',
      additionalProperties: false,
      required: ['file', 'time', 'columns'],
      properties: {
        file: { type: 'string', minLength: 1 },
        time: { type: 'string', minLength: 1 },
        columns: { type: 'object', minProperties: 1, additionalProperties: { type: 'string', minLength: 1 } },
        acceleration: positive,
      },
    },
    payload: { type: 'object' },
  },
};

const isFleetFile = new Ajv({ allErrors: true }).compile<FleetFile>(SCHEMA);

/** Reads a fleet file and its recording. @throws UsageError  naming the file, the place in it and what is wrong */
export async function loadFleet(file: string): Promise<Fleet> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`there is no fleet file at ${file}`);
  });
  const parsed = parseFleet(text, file);
  const directory = dirname(file);
  if (!parsed.replay) return resolveFleet(parsed, directory);
  return resolveFleet(parsed, directory, await readRecording(resolve(directory, parsed.replay.file), parsed.replay));
}

/** Checks the text of a fleet file. @throws UsageError */
export function parseFleet(text: string, file: string): FleetFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error) throw new UsageError(`${file}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n', 1)[0]}`);
  const value: unknown = document.toJS();
  if (isFleetFile(value)) return value;
  const complaints = isFleetFile.errors!.map((problem) => `${file}${lineOf(problem)}: ${describe(problem)}`);
  throw new UsageError([...new Set(complaints)].join('\n'));

  function lineOf({ instancePath }: ErrorObject): string {
    const node: unknown = document.getIn(instancePath.split('/').slice(1), true);
    const start = (node as { range?: readonly number[] } | undefined)?.range?.[0];
    return start === undefined ? '' : `:${lines.linePos(start).line}`;
  }
}

function describe({ instancePath, keyword, params, message }: ErrorObject): string {
  const place = instancePath.slice(1).replaceAll('/', '.') || 'the file';
  if (keyword === 'additionalProperties') return `${place} has no setting "${params.additionalProperty}"`;
  if (keyword === 'enum') return `${place} must be one of ${params.allowedValues.join(', ')}`;
  return `${place} ${message}`;
}

/** Connections that are being made at the same time, unless the file says otherwise. */
const CONNECTING = 200;

/** @param directory  where paths start */
function resolveFleet(file: FleetFile, directory: string, recording?: Recording): Fleet {
  const { devices, replay, tls = {} } = file;
  const { will, subscribe } = devices;
  const paths = Object.entries(tls).map(([name, path]) => [name, resolve(directory, path)]);
  return {
    ...addressOf(file.broker ?? 'mqtt://127.0.0.1:1883', Object.fromEntries(paths)),
    protocol: file.protocol === '3.1.1' ? 4 : 5,
    ...(file.username === undefined ? {} : { username: file.username }),
    ...(file.password === undefined ? {} : { password: file.password }),
    devices: devices.count,
    idPattern: devices.id ?? 'device-{00000}',
    topicPattern: devices.topic,
    qos: devices.qos ?? 1,
    window: devices.window ?? 64,
    buffer: devices.buffer ?? 0,
    sessionExpirySeconds: devices.sessionExpirySeconds ?? 3600,
    ...(will && { will: { qos: 0, retain: false, delaySeconds: 0, ...will } }),
    ...(subscribe && { subscribe: { qos: 0, ...subscribe } }),
    connect: { atOnce: CONNECTING, spreadSeconds: 0, ...file.connect },
    reconnect: { backoffSecondsMax: 5, ...file.reconnect },
    ...(file.spells && { spells: file.spells }),
    outages: (file.outages ?? []).map((outage) => ({ share: 1, burst: 0, ...outage })),
    keepAliveSeconds: devices.keepAliveSeconds ?? 60,
    rate: file.rate,
    jitter: file.jitter ?? 0,
    ...(file.spikes ? { spikes: file.spikes } : {}),
    malformed: file.malformed ?? 0,
    seed: file.seed ?? 1,
    ...(recording ? { recording } : {}),
    columns: replay?.columns ?? {},
    ...(replay?.acceleration === undefined ? {} : { acceleration: replay.acceleration }),
    payload: file.payload ?? {},
  };
}

/** Where a broker is, by its URL; `tls` counts for `mqtts` only. */
export function addressOf(broker: string, tls: FleetTls): Pick<Fleet, 'host' | 'port' | 'tls'> {
  const url = new URL(broker);
  const isSecure = url.protocol === 'mqtts:';
  return { host: url.hostname, port: Number(url.port || (isSecure ? 8883 : 1883)), ...(isSecure && { tls }) };
}

/** The id of the device at `index`. */
export function deviceId(pattern: string, index: number): string {
  return pattern.replace(/\{(0+)\}/, (_braces, zeros: string) => String(index).padStart(zeros.length, '0'));
}
