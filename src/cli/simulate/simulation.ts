import { type Clock, isAbort, type Random, seededRandom } from '../../base/index.ts';
import { DeviceConnection } from './connection.ts';
import { DevicePayloads, Pace } from './device.ts';
import { type Counts, LatencyHistogram, type Second, type Summary } from './figures.ts';
import { deviceId, type Fleet } from './fleet.ts';

/** Numbers of a run (S5). */
export const SIMULATION_LIMITS = {
  /** The fleet is looked at this often; below it the timers cost more than the messages. */
  tickMs: 5,
  /** Connections that are being made at once. */
  diallingMax: 200,
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
}

interface Device {
  readonly connection: DeviceConnection;
  readonly payloads: DevicePayloads;
  readonly pace: Pace;
  /** Monotonic time of its next message. */
  dueAt: number;
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
    connects: 0,
    disconnects: 0,
    refused: 0,
    inFlight: 0,
    bytes: 0,
  };
  readonly #secondLatency = new LatencyHistogram();
  readonly #totalLatency = new LatencyHistogram();
  readonly #devices: readonly Device[];
  #shown = { at: 0, sent: 0, acked: 0 };

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    this.#shown.at = this.#startedAt;
    this.#devices = Array.from({ length: options.fleet.devices }, (_, index) => this.#device(index));
  }

  async run(): Promise<Summary> {
    const { clock, signal } = this.#options;
    while (!this.#isOver()) {
      this.#turn(clock.monotonic(), true);
      await this.#rest(signal);
    }
    const drainBy = clock.monotonic() + SIMULATION_LIMITS.drainMsMax;
    while (this.#counts.inFlight > 0 && clock.monotonic() < drainBy) {
      this.#turn(clock.monotonic(), false);
      await this.#rest();
    }
    for (const { connection } of this.#devices) connection.close();
    return this.#summary();
  }

  #device(index: number): Device {
    const { fleet, clock } = this.#options;
    // Each has numbers of its own, so that the fleet is the same whatever the network does to one of them.
    const random: Random = seededRandom(fleet.seed * 1_000_003 + index);
    const clientId = deviceId(fleet.idPattern, index);
    const pace = new Pace(fleet, random);
    return {
      connection: new DeviceConnection(
        {
          fleet,
          clientId,
          topic: fleet.topicPattern.replaceAll('{device}', clientId),
          clock,
          random: seededRandom(fleet.seed * 7_368_787 + index),
          counts: this.#counts,
          latencies: [this.#secondLatency, this.#totalLatency],
        },
        this.#startedAt,
      ),
      payloads: new DevicePayloads(fleet, index, random),
      pace,
      dueAt: this.#startedAt + pace.first(),
    };
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

  /** One look at every device: connections kept alive, messages that are due published, one write a socket. */
  #turn(now: number, publishing: boolean): void {
    const wallTime = this.#options.clock.now();
    let dialling = 0;
    for (const { connection } of this.#devices) if (connection.isDialling) dialling++;
    for (const device of this.#devices) {
      device.connection.tick(now, dialling < SIMULATION_LIMITS.diallingMax);
      if (device.connection.isDialling) dialling++;
      if (!publishing || device.dueAt > now) continue;
      this.#publishDue(device, now, wallTime);
      device.connection.flush(now);
    }
    if (now - this.#shown.at >= 1000) this.#show(now);
  }

  #publishDue(device: Device, now: number, wallTime: number): void {
    const { count = Number.POSITIVE_INFINITY } = this.#options;
    if (now - device.dueAt > SIMULATION_LIMITS.behindMsMax) device.dueAt = now;
    while (device.dueAt <= now && device.connection.isReady && this.#counts.sent < count) {
      const malformed = device.payloads.malformed;
      device.connection.publish(device.payloads.next(wallTime), now);
      this.#counts.malformed += device.payloads.malformed - malformed;
      device.dueAt += device.pace.pause(device.dueAt - this.#startedAt);
    }
  }

  #show(now: number): void {
    const seconds = (now - this.#shown.at) / 1000;
    const { sent, acked } = this.#counts;
    const second: Second = {
      ...this.#counts,
      elapsedSeconds: Math.round((now - this.#startedAt) / 1000),
      sentPerSecond: Math.round((sent - this.#shown.sent) / seconds),
      ackedPerSecond: Math.round((acked - this.#shown.acked) / seconds),
      p50Ms: this.#secondLatency.quantile(0.5),
      p99Ms: this.#secondLatency.quantile(0.99),
    };
    this.#shown = { at: now, sent, acked };
    this.#secondLatency.clear();
    this.#options.onSecond?.(second);
  }

  #summary(): Summary {
    const elapsedSeconds = (this.#options.clock.monotonic() - this.#startedAt) / 1000;
    const latency = (q: number) => this.#totalLatency.quantile(q);
    return {
      devices: this.#devices.length,
      elapsedSeconds: Math.round(elapsedSeconds * 1000) / 1000,
      perSecond: Math.round(this.#counts.sent / elapsedSeconds),
      ...this.#counts,
      ackLatencyMs: { p50: latency(0.5), p99: latency(0.99), p999: latency(0.999) },
      unacknowledged: this.#counts.inFlight,
    };
  }
}
