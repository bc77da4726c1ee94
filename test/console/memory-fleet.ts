import { systemClock } from '../../src/base/index.ts';
import type { Device, DeviceConnection, DeviceDetail, DeviceMessages, Fleet } from '../../src/gateway/console/index.ts';

const CERTIFICATE =
  'arn:aws:iot:us-east-1:000000000000:cert/4f1f0a9f3e0c7b1d5a6e2c8b9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f7a8b9c0';

/** A plant of presses that is made up: most are well, some are not, and each says something twice a second. */
export class MemoryFleet implements Fleet {
  readonly disconnected: string[] = [];
  readonly #devices: Device[];
  readonly #startedAt = systemClock.now();

  constructor(count: number) {
    this.#devices = Array.from({ length: count }, (_, index) => deviceOf(index, this.#startedAt));
  }

  devices(): readonly Device[] {
    return this.#devices;
  }

  device(name: string): Device | undefined {
    return this.#devices.find((device) => device.name === name);
  }

  async detail({
    name,
    isThing,
    connection,
  }: Device): Promise<Pick<DeviceDetail, 'arn' | 'principals' | 'subscriptions'>> {
    const now = systemClock.now();
    const certificate = {
      status: 'ACTIVE',
      subject: `CN=${name}`,
      issuer: 'CN=Millrace device CA',
      validFrom: now - 86_400_000,
      validTo: now + 365 * 86_400_000,
    };
    return {
      ...(isThing && { arn: `arn:aws:iot:us-east-1:000000000000:thing/${name}` }),
      principals: isThing
        ? [{ principal: CERTIFICATE, isAttached: true, isExclusive: true, certificate, policies: ['presses'] }]
        : [],
      subscriptions:
        connection && connection.disconnectedAt === undefined
          ? [{ filter: `plants/north/${name}/commands/#`, qos: 1 }]
          : [],
    };
  }

  async connections({ connection }: Device): Promise<readonly DeviceConnection[]> {
    if (!connection) return [];
    const earlier = Array.from({ length: Math.min(24, connection.number) }, (_, index): DeviceConnection => {
      const connectedAt = connection.connectedAt - (index + 1) * 3_600_000;
      return {
        ...connection,
        ...{
          number: connection.number - index - 1,
          connectedAt,
          disconnectedAt: connectedAt + (20 + ((index * 7) % 38)) * 60_000,
        },
        reason: index % 3 ? 'CONNECTION_LOST' : 'CLIENT_INITIATED_DISCONNECT',
      };
    });
    return [connection, ...earlier];
  }

  messages({ name, connection }: Device, after: number): DeviceMessages {
    if (connection?.disconnectedAt !== undefined) return { messages: [], last: 0 };
    const every = 500;
    const last = Math.floor((systemClock.now() - this.#startedAt + 60_000) / every);
    const first = Math.max(after, last - 120) + 1;
    const messages = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => {
      const number = first + index;
      const at = this.#startedAt - 60_000 + number * every;
      const text = JSON.stringify({
        temperature_c: Number((31 + 4 * Math.sin(at / 21_000) + Math.sin(at / 700)).toFixed(2)),
        pressure_bar: Number((6 + 0.4 * Math.sin(at / 9000)).toFixed(3)),
        t: at,
        unit: name,
      });
      const topic = `plants/north/${name}/telemetry`;
      return { ...{ number, at, topic, qos: 1, retain: false, bytes: text.length, text, isText: true } };
    });
    return { messages, last };
  }

  disconnect({ name, connection }: Device): boolean {
    const index = this.#devices.findIndex((device) => device.name === name);
    if (!connection || connection.disconnectedAt !== undefined) return false;
    this.disconnected.push(name);
    const ended = { ...connection, disconnectedAt: systemClock.now(), reason: 'API_INITIATED_DISCONNECT' };
    this.#devices[index] = { ...this.#devices[index]!, connection: ended };
    return true;
  }
}

function deviceOf(index: number, now: number): Device {
  const isThing = index % 50 !== 49;
  const name = isThing ? `press-${String(index).padStart(5, '0')}` : `gateway-${index}`;
  const connection = connectionOf(index, name, now);
  return {
    name,
    isThing,
    ...(isThing && { typeName: index % 4 ? 'press' : 'pump' }),
    groups: isThing ? [index % 3 ? 'hall-north' : 'hall-south'] : [],
    attributes: isThing ? { line: String(index % 17), serial: `SN-${70_000 + index}` } : {},
    ...(connection && { connection }),
  };
}

function connectionOf(index: number, clientId: string, now: number): DeviceConnection | undefined {
  if (index % 97 === 13) return undefined;
  const base: DeviceConnection = {
    clientId,
    number: index % 40,
    sessionId: String(index).padStart(32, '0'),
    connectedAt: now - 60_000 - (index % 5000) * 1700,
    ip: `10.${index % 4}.${(index >> 8) % 256}.${index % 256}`,
    isEncrypted: index % 50 !== 49,
    version: index % 3 ? 5 : 4,
    keepAlive: 60,
    cleanStart: index % 2 === 0,
    streak: index % 401 === 7 ? 9 : 0,
    ...(index % 50 !== 49 && { principal: CERTIFICATE.slice(-64) }),
  };
  if (index % 401 === 7) return { ...base, connectedAt: now - 20_000 };
  const disconnectedAt = base.connectedAt + 50_000;
  if (index % 61 === 5)
    return { ...base, disconnectedAt, reason: index % 2 ? 'CONNECTION_LOST' : 'MQTT_KEEP_ALIVE_TIMEOUT' };
  return index % 29 === 3 ? { ...base, disconnectedAt, reason: 'CLIENT_INITIATED_DISCONNECT' } : base;
}
