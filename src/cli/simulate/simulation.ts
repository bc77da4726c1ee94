import type { SecureContext } from 'node:tls';
import { type Clock, isAbort, type Random, seededRandom } from '../../base/index.ts';
import { type Absence, Absences } from './absences.ts';
import { type ConnectionGround, DeviceConnection, type Identity } from './connection.ts';
import { DevicePayloads, Pace } from './device.ts';
import { type Counts, LatencyHistogram, Reasons, type Second, type Summary } from './figures.ts';
import { deviceId, type Fleet } from './fleet.ts';
import { Proofs } from './proofs.ts';
import { TimingWheel, type Wheeled } from './wheel.ts';

/** Numbers of a run (S5). */
export const SIMULATION_LIMITS = {
  /** The fleet is looked at this often; below it the timers cost more than the messages. */
  tickMs: 5,
  /** Devices that go by one outage within so long are told of together. */
  outageMs: 100,
  /** A device that is held back by its window longer than this forgets what it has missed instead of catching up. */
  behindMsMax: 1000,
  /** How long the end of a run waits for acknowledgements. */
  drainMsMax: 15_000,
} as const;

export interface SimulationOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Firing it ends the run: acknowledgements are waited for, then all devices say goodbye. */
  readonly signal: AbortSignal;
  /** Ends the run after so many messages, or so long. */
  readonly count?: number;
  readonly durationMs?: number;
  readonly onSecond?: (second: Second) => void;
  /** Hears of outages as they begin: how many devices go, and for how long. */
  readonly onOutage?: (kind: Absence['kind'], devices: number, durationMs: number) => void;
  /** What each device proves itself with, where the fleet has TLS. */
  readonly identity?: (clientId: string) => Identity | undefined;
}

interface Device extends Wheeled {
  readonly connection: DeviceConnection;
  readonly payloads: DevicePayloads;
  readonly pace: Pace;
  readonly absences: Absences | undefined;
  /** Monotonic time of its next message. */
  messageAt: number;
  /** What is kept while it is not connected, the oldest first. */
  backlog: Buffer[] | undefined;
  /** The absence that runs or comes next; milliseconds of the run. */
  absence: Absence | undefined;
  isAway: boolean;
  /** Waits for its turn to dial. */
  isQueued: boolean;
}

/** Runs a fleet until the signal fires, or the count or duration is reached. Never throws for a broker that is not there. */
export async function simulate(options: SimulationOptions): Promise<Summary> {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #startedAt: number;
  readonly #counts: Counts = {
    sent: 0,
    acked: 0,
    resent: 0,
    malformed: 0,
    connected: 0,
    dialling: 0,
    away: 0,
    buffered: 0,
    forgotten: 0,
    received: 0,
    connects: 0,
    disconnects: 0,
    refused: 0,
    inFlight: 0,
    bytes: 0,
  };
  readonly #reasons = new Reasons();
  readonly #secondLatency = new LatencyHistogram();
  readonly #totalLatency = new LatencyHistogram();
  readonly #secondConnects = new LatencyHistogram();
  readonly #totalConnects = new LatencyHistogram();
  readonly #devices: readonly Device[];
  readonly #wheel: TimingWheel<Device>;
  /** Devices whose time to dial has come, in order. */
  #queue: Device[] = [];
  /** Outages that devices have just gone by, by kind and end. */
  readonly #leaving = new Map<string, { readonly absence: Absence; readonly since: number; devices: number }>();
  #shown = { at: 0, sent: 0, acked: 0, connects: 0 };
  #memoryBytesMax = 0;
  #publishing = true;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { fleet, clock, identity } = options;
    this.#startedAt = clock.monotonic();
    this.#shown.at = this.#startedAt;
    this.#wheel = new TimingWheel(SIMULATION_LIMITS.tickMs, this.#startedAt);
    const ground: ConnectionGround = {
      fleet,
      clock,
      counts: this.#counts,
      reasons: this.#reasons,
      latencies: [this.#secondLatency, this.#totalLatency],
      connectLatencies: [this.#secondConnects, this.#totalConnects],
      secureContext: fleet.tls && secureContexts(new Proofs(fleet.tls), identity),
    };
    this.#devices = Array.from({ length: fleet.devices }, (_, index) => this.#device(ground, index));
    for (const device of this.#devices) this.#wheel.add(device, this.#nextAt(device, this.#startedAt));
  }

  async run(): Promise<Summary> {
    const { clock, signal } = this.#options;
    while (!this.#isOver()) {
      this.#turn(clock.monotonic());
      await this.#rest(signal);
    }
    this.#stopPublishing();
    const drainBy = clock.monotonic() + SIMULATION_LIMITS.drainMsMax;
    while (this.#counts.inFlight > 0 && clock.monotonic() < drainBy) {
      this.#turn(clock.monotonic());
      await this.#rest();
    }
    for (const { connection } of this.#devices) connection.close();
    return this.#summary();
  }

  #device(ground: ConnectionGround, index: number): Device {
    const { fleet } = this.#options;
    // Each has numbers of its own, so that the fleet is the same whatever the network does to one of them.
    const random: Random = seededRandom(fleet.seed * 1_000_003 + index);
    const ownRandom = seededRandom(fleet.seed * 7_368_787 + index);
    const clientId = deviceId(fleet.idPattern, index);
    const pace = new Pace(fleet, random);
    const messageAt = this.#startedAt + pace.first();
    const dialAt = this.#startedAt + (fleet.connect.spreadSeconds * 1000 * index) / fleet.devices;
    const isEverAway = fleet.spells !== undefined || fleet.outages.length > 0;
    const absences = isEverAway ? new Absences(fleet, index, seededRandom(fleet.seed * 15_485_863 + index)) : undefined;
    const device: Device = {
      connection: new DeviceConnection(
        {
          ground,
          clientId,
          topic: fleet.topicPattern.replaceAll('{device}', clientId),
          random: ownRandom,
          onChange: () => this.#wheel.add(device, 0),
        },
        dialAt,
      ),
      payloads: new DevicePayloads(fleet, index, random),
      pace,
      absences,
      messageAt,
      backlog: undefined,
      absence: absences?.next(0),
      isAway: false,
      isQueued: false,
      dueAt: Number.POSITIVE_INFINITY,
      dueTick: -1,
    };
    return device;
  }

  #isOver(): boolean {
    const { signal, count = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY, clock } = this.#options;
    return signal.aborted || this.#counts.sent >= count || clock.monotonic() - this.#startedAt >= durationMs;
  }

  #rest(signal?: AbortSignal): Promise<void> {
    return this.#options.clock.sleep(SIMULATION_LIMITS.tickMs, signal).catch((error: unknown) => {
      if (!signal?.aborted && !isAbort(error)) throw error;
    });
  }

  /** Nothing new is measured or kept; those who are away come back for the acknowledgements that they wait for. */
  #stopPublishing(): void {
    this.#publishing = false;
    const now = this.#options.clock.monotonic();
    this.#counts.buffered = 0;
    for (const device of this.#devices) {
      device.backlog = undefined;
      device.absence = undefined;
      if (device.isAway && device.connection.unacked > 0) device.connection.return(now);
      this.#wheel.add(device, now);
    }
  }

  /** One look at every device whose time has come: one write a socket. */
  #turn(now: number): void {
    const wallTime = this.#options.clock.now();
    this.#wheel.turn(now, (device) => {
      this.#look(device, now, wallTime);
      this.#wheel.add(device, this.#nextAt(device, now));
    });
    this.#dialQueued(now);
    this.#tellOutages(now);
    if (now - this.#shown.at >= 1000) this.#show(now);
  }

  #look(device: Device, now: number, wallTime: number): void {
    const { connection } = device;
    if (device.absence) this.#comeAndGo(device, now, wallTime);
    if (device.isAway && this.#publishing) return this.#measure(device, now, wallTime);
    connection.tick(now);
    if (connection.wantsToDial(now) && !device.isQueued) {
      device.isQueued = true;
      this.#queue.push(device);
    }
    if (!this.#publishing) return;
    if (connection.isOpen) this.#publishDue(device, now, wallTime);
    else this.#measure(device, now, wallTime);
    connection.flush(now);
  }

  /** When there is something to do for a device at the earliest. */
  #nextAt(device: Device, now: number): number {
    const { connection, absence, isAway, isQueued, messageAt } = device;
    let next = isQueued ? Number.POSITIVE_INFINITY : connection.nextAt;
    if (absence) next = Math.min(next, this.#startedAt + (isAway ? absence.to : absence.from));
    if (!this.#publishing) return next;
    const { buffer } = this.#options.fleet;
    // Without a buffer nothing is measured before it is connected: then it is looked at anyhow.
    if (connection.isOpen || buffer > 0) next = Math.min(next, messageAt);
    // The window or the socket is full: by the next turn there may be room.
    return Math.max(next, now + SIMULATION_LIMITS.tickMs);
  }

  #comeAndGo(device: Device, now: number, wallTime: number): void {
    const { connection, absences } = device;
    const elapsed = now - this.#startedAt;
    if (!device.isAway && device.absence && elapsed >= device.absence.from) {
      device.isAway = true;
      connection.leave(device.absence.kind);
      this.#noteLeaving(device.absence, now);
    }
    if (!device.isAway || elapsed < device.absence!.to) return;
    const { jitterMs, burst } = device.absence!;
    const { jitterSeconds = 0 } = this.#options.fleet.reconnect;
    device.isAway = false;
    device.absence = absences!.next(elapsed);
    connection.return(now + (jitterMs ?? jitterSeconds * 1000) * device.pace.spread());
    for (let n = 0; n < burst; n++) this.#keep(device, wallTime, Math.max(burst, this.#options.fleet.buffer));
    if (device.messageAt < now) device.messageAt = now + device.pace.pause(elapsed);
  }

  #dialQueued(now: number): void {
    const { atOnce } = this.#options.fleet.connect;
    let taken = 0;
    while (taken < this.#queue.length && this.#counts.dialling < atOnce) {
      const device = this.#queue[taken++]!;
      device.isQueued = false;
      // It may have gone in the meantime.
      if (device.connection.wantsToDial(now)) device.connection.dial(now);
      this.#wheel.add(device, this.#nextAt(device, now));
    }
    if (taken > 0) this.#queue = this.#queue.slice(taken);
  }

  /** Not connected: what falls due is kept, unless the device has no power or no memory for it. */
  #measure(device: Device, now: number, wallTime: number): void {
    const { buffer } = this.#options.fleet;
    const measures = buffer > 0 && !(device.isAway && device.absence?.kind === 'power');
    while (device.messageAt <= now) {
      if (measures) this.#keep(device, wallTime, buffer);
      device.messageAt = measures ? device.messageAt + this.#pause(device) : now + this.#pause(device);
    }
  }

  #keep(device: Device, wallTime: number, room: number): void {
    device.backlog ??= [];
    if (device.backlog.length >= room) {
      device.backlog.shift();
      this.#counts.forgotten++;
      this.#counts.buffered--;
    }
    device.backlog.push(this.#payload(device, wallTime));
    this.#counts.buffered++;
  }

  #publishDue(device: Device, now: number, wallTime: number): void {
    const { count = Number.POSITIVE_INFINITY } = this.#options;
    const { connection } = device;
    let sent = 0;
    const backlog = device.backlog ?? [];
    while (sent < backlog.length && connection.isReady && this.#counts.sent < count) {
      connection.publish(backlog[sent++]!, now);
    }
    this.#counts.buffered -= sent;
    if (sent > 0) device.backlog = sent === backlog.length ? undefined : backlog.slice(sent);
    if (device.backlog) return;
    if (now - device.messageAt > SIMULATION_LIMITS.behindMsMax) device.messageAt = now;
    while (device.messageAt <= now && connection.isReady && this.#counts.sent < count) {
      connection.publish(this.#payload(device, wallTime), now);
      device.messageAt += this.#pause(device);
    }
  }

  #payload({ payloads }: Device, wallTime: number): Buffer {
    const { malformed } = payloads;
    const payload = payloads.next(wallTime);
    this.#counts.malformed += payloads.malformed - malformed;
    return payload;
  }

  #pause({ pace, messageAt }: Device): number {
    return pace.pause(messageAt - this.#startedAt);
  }

  #noteLeaving(absence: Absence, now: number): void {
    if (absence.kind === 'sleep') return;
    const key = `${absence.kind} ${absence.to}`;
    const known = this.#leaving.get(key);
    if (known) known.devices++;
    else this.#leaving.set(key, { absence, since: now, devices: 1 });
  }

  #tellOutages(now: number): void {
    for (const [key, { absence, since, devices }] of this.#leaving) {
      if (now - since < SIMULATION_LIMITS.outageMs) continue;
      this.#leaving.delete(key);
      this.#options.onOutage?.(absence.kind, devices, absence.to - absence.from);
    }
  }

  #show(now: number): void {
    const seconds = (now - this.#shown.at) / 1000;
    const { sent, acked, connects } = this.#counts;
    const memoryBytes = process.memoryUsage.rss();
    this.#memoryBytesMax = Math.max(this.#memoryBytesMax, memoryBytes);
    const second: Second = {
      ...this.#counts,
      elapsedSeconds: Math.round((now - this.#startedAt) / 1000),
      sentPerSecond: Math.round((sent - this.#shown.sent) / seconds),
      ackedPerSecond: Math.round((acked - this.#shown.acked) / seconds),
      p50Ms: this.#secondLatency.quantile(0.5),
      p99Ms: this.#secondLatency.quantile(0.99),
      connectsPerSecond: Math.round((connects - this.#shown.connects) / seconds),
      connectP50Ms: this.#secondConnects.quantile(0.5),
      connectP99Ms: this.#secondConnects.quantile(0.99),
      reasons: this.#reasons.list(),
      memoryBytes,
    };
    this.#shown = { at: now, sent, acked, connects };
    this.#secondLatency.clear();
    this.#secondConnects.clear();
    this.#options.onSecond?.(second);
  }

  #summary(): Summary {
    const elapsedSeconds = (this.#options.clock.monotonic() - this.#startedAt) / 1000;
    const latency = (q: number) => this.#totalLatency.quantile(q);
    const connect = (q: number) => this.#totalConnects.quantile(q);
    return {
      devices: this.#devices.length,
      elapsedSeconds: Math.round(elapsedSeconds * 1000) / 1000,
      perSecond: Math.round(this.#counts.sent / elapsedSeconds),
      ...this.#counts,
      ackLatencyMs: { p50: latency(0.5), p99: latency(0.99), p999: latency(0.999) },
      connectLatencyMs: { p50: connect(0.5), p99: connect(0.99) },
      reasons: Object.fromEntries(this.#reasons.list()),
      memoryBytesMax: Math.max(this.#memoryBytesMax, process.memoryUsage.rss()),
      unacknowledged: this.#counts.inFlight,
    };
  }
}

function secureContexts(proofs: Proofs, identity: SimulationOptions['identity']): (clientId: string) => SecureContext {
  return (clientId) => proofs.contextFor(identity?.(clientId));
}
