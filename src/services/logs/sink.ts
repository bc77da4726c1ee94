import type { Clock, Timer } from '../../base/index.ts';
import type { FunctionLogSink } from '../../runtime/index.ts';
import type { Logger, Metrics } from '../../telemetry/index.ts';
import type { EmbeddedMetrics } from './embedded-metrics.ts';
import type { StreamEvents } from './group.ts';
import type { Groups } from './groups.ts';
import { LOGS_LIMITS, type LogEvent } from './model.ts';

/** Lines that wait to be written to one group. */
interface PendingGroup {
  readonly key: string;
  readonly region: string;
  readonly name: string;
  readonly streams: Map<string, LogEvent[]>;
  /** Lines that were dropped, by stream. */
  readonly dropped: Map<string, number>;
  bytes: number;
}

export interface SinkOptions {
  readonly groups: Groups;
  /** Looks at every line, those that are dropped as well. */
  readonly embedded: EmbeddedMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly defaultRegion: string;
}

/**
 * Takes the lines of functions and writes them in batches, a little later. It never blocks a function: beyond its limit lines
 * are dropped, and a line in the same stream says how many. A group may have as much as is free, so that it leaves room to others: alone it
 * gets half, two get a third each.
 */
export class LogSink implements FunctionLogSink {
  readonly #options: SinkOptions;
  #pending = new Map<string, PendingGroup>();
  /** Of all lines that are not written yet, and by group. */
  #pendingBytes = 0;
  readonly #bytesOf = new Map<string, number>();
  #timer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();
  readonly #drops;

  constructor(options: SinkOptions) {
    this.#options = options;
    this.#drops = options.metrics.counter('millrace_log_lines_dropped_total', 'Lines of functions that were dropped');
  }

  write(logGroup: string, logStream: string, timestamp: number, message: string, region?: string): void {
    this.#options.embedded.read(logGroup, message);
    const group = this.#groupOf(region ?? this.#options.defaultRegion, logGroup);
    const size = message.length + LOGS_LIMITS.eventOverheadBytes;
    this.#timer ??= this.#options.clock.timer(LOGS_LIMITS.sinkDelayMs, () => this.#begin());
    if (!this.#takeRoom(group, size)) {
      group.dropped.set(logStream, (group.dropped.get(logStream) ?? 0) + 1);
      this.#drops.add();
      return;
    }
    const event = { timestamp, message: cut(message) };
    const events = group.streams.get(logStream);
    if (events) events.push(event);
    else group.streams.set(logStream, [event]);
  }

  /** Writes what waits; durable when it resolves. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#begin();
    await this.#flushing;
  }

  /** Takes the room of a line. @returns false where there is none for its group */
  #takeRoom(group: PendingGroup, size: number): boolean {
    const bytes = (this.#bytesOf.get(group.key) ?? 0) + size;
    if (bytes > LOGS_LIMITS.sinkBytesMax - this.#pendingBytes) return false;
    this.#bytesOf.set(group.key, bytes);
    this.#pendingBytes += size;
    group.bytes += size;
    return true;
  }

  #groupOf(region: string, name: string): PendingGroup {
    const key = `${region}/${name}`;
    let group = this.#pending.get(key);
    if (!group) {
      group = { key, region, name, streams: new Map(), dropped: new Map(), bytes: 0 };
      this.#pending.set(key, group);
    }
    return group;
  }

  #begin(): void {
    this.#timer = undefined;
    // One flush at a time: what comes meanwhile waits for the next, and its bytes count.
    this.#flushing = this.#flushing.then(() => this.#flush());
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = new Map();
    await Promise.all(Array.from(pending.values(), (group) => this.#writeGroup(group)));
  }

  #giveBack({ key, bytes }: PendingGroup): void {
    this.#pendingBytes -= bytes;
    const left = (this.#bytesOf.get(key) ?? 0) - bytes;
    if (left > 0) this.#bytesOf.set(key, left);
    else this.#bytesOf.delete(key);
  }

  async #writeGroup(pending: PendingGroup): Promise<void> {
    const { region, name, streams, dropped } = pending;
    const now = this.#options.clock.now();
    for (const [stream, count] of dropped) {
      const note = { timestamp: now, message: `[millrace] ${count} log lines were dropped here: too many at once` };
      streams.set(stream, [...(streams.get(stream) ?? []), note]);
    }
    try {
      const group = await this.#options.groups.getOrCreate(region, name);
      await group.append([...streams].flatMap(([stream, events]) => batchesOf(stream, events)));
    } catch (error) {
      let lines = 0;
      for (const events of streams.values()) lines += events.length;
      this.#drops.add(lines);
      this.#options.logger.error('function log lines lost', { logGroup: name, lines, error });
    }
    this.#giveBack(pending);
  }
}

/** Events in batches that stay below the limits of one record. */
export function batchesOf(stream: string, events: readonly LogEvent[]): StreamEvents[] {
  const batches: StreamEvents[] = [];
  let current: LogEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    // Three bytes a character is the most that UTF-8 takes of a UTF-16 unit.
    const size = event.message.length * 3 + LOGS_LIMITS.eventOverheadBytes;
    if (
      current.length > 0 &&
      (bytes + size > LOGS_LIMITS.batchBytesMax || current.length >= LOGS_LIMITS.putEventsMax)
    ) {
      batches.push({ stream, events: current });
      current = [];
      bytes = 0;
    }
    current.push(event);
    bytes += size;
  }
  if (current.length > 0) batches.push({ stream, events: current });
  return batches;
}

function cut(message: string): string {
  return message.length > LOGS_LIMITS.eventBytesMax / 4 ? message.slice(0, LOGS_LIMITS.eventBytesMax / 4) : message;
}
