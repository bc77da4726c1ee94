/**
 * Devices as a process of its own: each publishes readings with a sequence number and the time of sending, QoS 1, from one socket.
 * Takes a `FleetLoad` as JSON argument, prints a `FleetResult` as JSON when everything is acknowledged.
 */
import { createConnection, type Socket } from 'node:net';
import { encodePacket, NO_PROPERTIES } from '../../src/codec/mqtt/index.ts';

export interface FleetLoad {
  readonly port: number;
  readonly devices: number;
  readonly window: number;
  /** Messages in all. */
  readonly messages: number;
  /** Messages a second over all devices; absent: as fast as the acknowledgements come. */
  readonly rate?: number;
}

export interface FleetResult {
  readonly sent: number;
  readonly acknowledged: number;
  /** From the first write to the last acknowledgement. */
  readonly elapsedMs: number;
  readonly busy: number;
}

const SEQUENCE_DIGITS = 9;
/** Epoch milliseconds with three decimals. */
const TIME_DIGITS = 17;

const load = JSON.parse(process.argv[2]!) as FleetLoad;
const CONNACK_BYTES = 4;
const PUBACK_BYTES = 4;
let acknowledged = 0;

class Device {
  readonly #socket: Socket;
  readonly #template: Buffer;
  readonly #sequenceAt: number;
  readonly #timeAt: number;
  readonly #packetIdAt: number;
  readonly #quota: number;
  #sequence = 0;
  #inFlight = 0;
  #credit: number;
  #toSkip = CONNACK_BYTES;
  #rest = 0;

  constructor(socket: Socket, index: number, quota: number) {
    this.#socket = socket;
    this.#quota = quota;
    this.#credit = load.rate === undefined ? Number.POSITIVE_INFINITY : 0;
    const topic = `factory/press-${String(index).padStart(4, '0')}/telemetry`;
    const payload =
      `{"device":${String(index + 1000)},"seq":${'0'.repeat(SEQUENCE_DIGITS)},"ts":${'0'.repeat(TIME_DIGITS)},"temperature":73.967322,"unit":"F"}`
        // A JSON number has no leading zeros: both begin with a one.
        .replace(/:0/g, ':1');
    const packet = {
      type: 'publish',
      topic,
      payload: Buffer.from(payload),
      qos: 1,
      retain: false,
      dup: false,
    } as const;
    this.#template = encodePacket({ ...packet, packetId: 1, properties: NO_PROPERTIES }, 4);
    const payloadAt = this.#template.length - payload.length;
    this.#packetIdAt = payloadAt - 2;
    this.#sequenceAt = payloadAt + payload.indexOf('"seq":1') + 7;
    this.#timeAt = payloadAt + payload.indexOf('"ts":') + 5;
    socket.on('data', (chunk) => this.#received(chunk));
  }

  grant(): void {
    this.#credit++;
  }

  pump(): void {
    const count = Math.min(load.window - this.#inFlight, this.#credit, this.#quota - this.#sequence);
    if (count < 1) return;
    const size = this.#template.length;
    const buffer = Buffer.allocUnsafe(size * count);
    const time = (performance.timeOrigin + performance.now()).toFixed(3);
    this.#template.write(time, this.#timeAt, 'latin1');
    for (let i = 0; i < count; i++) {
      const sequence = this.#sequence++;
      const at = i * size;
      buffer.set(this.#template, at);
      const id = (sequence % 65_535) + 1;
      buffer[at + this.#packetIdAt] = id >>> 8;
      buffer[at + this.#packetIdAt + 1] = id & 0xff;
      writeDigits(buffer, at + this.#sequenceAt, sequence);
    }
    this.#inFlight += count;
    this.#credit -= count;
    this.#socket.write(buffer);
  }

  #received(chunk: Buffer): void {
    const skipped = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= skipped;
    const bytes = this.#rest + chunk.length - skipped;
    const count = Math.floor(bytes / PUBACK_BYTES);
    this.#rest = bytes % PUBACK_BYTES;
    this.#inFlight -= count;
    acknowledged += count;
    this.pump();
  }
}

/** Fills the digits after the leading one. */
function writeDigits(buffer: Buffer, at: number, value: number): void {
  let rest = value;
  for (let i = SEQUENCE_DIGITS - 2; i >= 0; i--) {
    buffer[at + i] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

async function connect(index: number): Promise<Device> {
  const socket = createConnection({ port: load.port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('close', () => fail(new Error('the broker has closed a connection')));
  const clientId = `fleet-${process.pid}-${index}`;
  socket.write(
    encodePacket({ type: 'connect', version: 4, clientId, clean: true, keepAlive: 0, properties: NO_PROPERTIES }, 4),
  );
  return new Device(socket, index, Math.ceil((load.messages - index) / load.devices));
}

function fail(error: Error): never {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}

const devices: Device[] = [];
for (let i = 0; i < load.devices; i++) devices.push(await connect(i));
const before = performance.eventLoopUtilization();
const start = performance.now();
for (const device of devices) device.pump();
let granted = 0;
const timer = setInterval(() => {
  if (load.rate !== undefined) {
    const due = Math.min(load.messages, Math.floor(((performance.now() - start) * load.rate) / 1000));
    for (; granted < due; granted++) devices[granted % devices.length]!.grant();
    for (const device of devices) device.pump();
  }
  if (acknowledged < load.messages) return;
  clearInterval(timer);
  const elapsedMs = performance.now() - start;
  const busy = performance.eventLoopUtilization(before).utilization;
  const result: FleetResult = { sent: load.messages, acknowledged, elapsedMs, busy };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}, 1);
