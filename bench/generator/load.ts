/** What a load is and what comes of it: the generator runs as a process of its own and is told by JSON. */

interface Target {
  readonly port: number;
  /** Process of the broker: its processor time is taken over the measured time. */
  readonly brokerPid?: number;
}

interface Timed extends Target {
  readonly payloadBytes: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Connections publish at QoS 1, nobody subscribes. */
export interface InLoad extends Timed {
  readonly kind: 'in';
  readonly connections: number;
  /** Unacknowledged messages per connection. */
  readonly window: number;
  /** Messages a second over all connections; absent: as fast as the acknowledgements come. */
  readonly rate?: number;
  /** Connection `i` publishes to `ROOT/device-i/data`. */
  readonly topicRoot?: string;
}

/** Each publisher has one subscriber of its own; a message is under way until both ends are done with it. */
export interface PairsLoad extends Timed {
  readonly kind: 'pairs';
  readonly pairs: number;
  readonly window: number;
  readonly qos: 0 | 1;
}

/** One publishes, all others receive; a message is under way until the slowest of them has it. */
export interface FanOutLoad extends Timed {
  readonly kind: 'fan-out';
  readonly receivers: number;
  readonly window: number;
}

/** Clients that connect, subscribe to a topic of their own and stay. */
export interface CrowdLoad extends Target {
  readonly kind: 'crowd';
  readonly clients: number;
  readonly subscribes: boolean;
  /** CONNECTs under way at the same time. */
  readonly atOnce: number;
  /** Keep-alive of each, seconds. */
  readonly keepAlive: number;
  /** Messages of 100 bytes a second over all clients, once all are there; 0 leaves them idle. */
  readonly rate: number;
}

/** A listener with TLS, and who comes in there. */
export interface SecureTarget {
  readonly port: number;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** Devices that all come back at the same moment, over mutual TLS; they share a certificate. */
export interface StormLoad extends Target {
  readonly kind: 'storm';
  readonly clients: number;
  readonly secure: SecureTarget;
}

export type Load = InLoad | PairsLoad | FanOutLoad | CrowdLoad | StormLoad;

export interface LoadResult {
  /** Messages a second while it measured: acknowledged, delivered, or clients that came. */
  readonly rate: number;
  /** Processor time of the broker for each of them, all its threads and the kernel's work for it, microseconds; 0 when unknown. */
  readonly cpuMicros: number;
  /** Milliseconds from write to acknowledgement; 0 where it is not measured. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Share of the measured time that the generator's own thread was busy, 0 to 1. */
  readonly generatorBusy: number;
}
