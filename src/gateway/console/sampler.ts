import { type Clock, messageOf, type Timer } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type {
  FlowCounters,
  FlowEdge,
  FlowEdgeReading,
  FlowNode,
  FlowNodeReading,
  FlowReading,
  FlowSnapshot,
  FlowSource,
} from './flow.ts';
import { HEALTH_LIMITS, healthOfEdge, healthOfNode } from './health.ts';

/** Numbers of the sampler (S5). */
export const FLOW_LIMITS = {
  /** Time between two readings while somebody looks. */
  everyMs: 1000,
  /** Time that a rate is taken over: long enough to be steady, short enough to follow a burst. */
  rateMs: 5000,
  /** Somebody who has asked for a snapshot looks for so long. */
  lookMs: 10_000,
} as const;

/** Readings are as far apart as timers are exact. */
const SLACK_MS = FLOW_LIMITS.everyMs / 2;

interface TimedReading {
  readonly time: number;
  readonly at: number;
  readonly nodes: ReadonlyMap<string, FlowNodeReading>;
  readonly edges: ReadonlyMap<string, FlowEdgeReading>;
  readonly deadLetters?: number;
}

/**
 * Turns the counters of a {@link FlowSource} into rates, once a second, for all who look together.
 *
 * While nobody looks there is a reading in the time that health looks back on and no more: who comes is told at once what has failed
 * lately, and a node of a thousand functions whose console nobody has open does not list them every second.
 * A source that throws leaves the last snapshot in place, is logged once, and is asked again when the next reading is due.
 */
export class FlowSampler implements Disposable {
  readonly #source: FlowSource;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #startedAt: number;
  readonly #watchers = new Set<(snapshot: FlowSnapshot) => void>();
  /** Oldest first: those that health looks back on, one that is older, and the present one. */
  #readings: TimedReading[] = [];
  #timer: Timer | undefined;
  #sampling: Promise<void> | undefined;
  /** Until then somebody looks who does not watch; of the monotonic clock. */
  #lookedUntil = Number.NEGATIVE_INFINITY;
  #failing = false;
  #closed = false;

  constructor(options: { readonly source: FlowSource; readonly clock: Clock; readonly logger: Logger }) {
    this.#source = options.source;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#startedAt = options.clock.monotonic();
  }

  /** Reads for the first time, so that what fails from now on is known for new, and goes on until disposed. */
  start(): Promise<void> {
    return this.#sample();
  }

  /** The present state, of a second ago at most; without nodes until a first reading has succeeded. */
  async look(): Promise<FlowSnapshot> {
    this.#lookedUntil = this.#clock.monotonic() + FLOW_LIMITS.lookMs;
    await this.#refresh();
    return this.#snapshot();
  }

  /** Calls `watcher` with the present state and with each new one; returns the way to stop. */
  watch(watcher: (snapshot: FlowSnapshot) => void): () => void {
    this.#watchers.add(watcher);
    const last = this.#readings.at(-1);
    void this.#refresh().then(() => {
      // A new reading has gone to all watchers already.
      if (this.#readings.at(-1) === last && this.#watchers.has(watcher)) watcher(this.#snapshot());
    });
    return () => this.#watchers.delete(watcher);
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watchers.clear();
  }

  #snapshot(): FlowSnapshot {
    const now = this.#clock.monotonic();
    const last = this.#readings.at(-1);
    const uptimeMs = Math.round(now - this.#startedAt);
    if (!last) return { version: 1, time: this.#clock.now(), uptimeMs, nodes: [], edges: [] };
    const base = this.#readings.findLast(({ at }) => last.at - at >= FLOW_LIMITS.rateMs - SLACK_MS);
    const [oldest] = this.#readings;
    return { version: 1, time: last.time, uptimeMs, ...rates(base ?? oldest!, last, oldest!) };
  }

  /** Has the last reading be of a second ago at most, and the next one come in a second. */
  async #refresh(): Promise<void> {
    const last = this.#readings.at(-1);
    if (!last || this.#clock.monotonic() - last.at >= FLOW_LIMITS.everyMs) await this.#sample();
    else this.#schedule();
  }

  /** One reading at a time. */
  #sample(): Promise<void> {
    this.#sampling ??= this.#read().finally(() => {
      this.#sampling = undefined;
      this.#schedule();
    });
    return this.#sampling;
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const isSeen = this.#watchers.size > 0 || this.#clock.monotonic() < this.#lookedUntil;
    this.#timer = this.#clock.timer(isSeen ? FLOW_LIMITS.everyMs : HEALTH_LIMITS.lookBackMs, () => void this.#sample());
  }

  async #read(): Promise<void> {
    try {
      const reading = this.#timed(await this.#source.read());
      if (this.#closed) return;
      this.#keep(reading);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#logger.warn('flow-reading-failed', { reason: messageOf(error), error });
      this.#failing = true;
      return;
    }
    if (this.#watchers.size === 0) return;
    const snapshot = this.#snapshot();
    for (const watcher of this.#watchers) watcher(snapshot);
  }

  #keep(reading: TimedReading): void {
    const since = reading.at - HEALTH_LIMITS.lookBackMs + SLACK_MS;
    const first = this.#readings.findLastIndex(({ at }) => at <= since);
    this.#readings = [...this.#readings.slice(Math.max(0, first)), reading];
  }

  #timed({ nodes, edges, deadLetters }: FlowReading): TimedReading {
    return {
      ...(deadLetters !== undefined && { deadLetters }),
      time: this.#clock.now(),
      at: this.#clock.monotonic(),
      nodes: new Map(nodes.map((node) => [node.id, node])),
      edges: new Map(edges.map((edge) => [edgeKey(edge), edge])),
    };
  }
}

const edgeKey = ({ from, to, via }: FlowEdgeReading) => `${from}\n${to}\n${via}`;

function rates(
  base: TimedReading,
  last: TimedReading,
  oldest: TimedReading,
): Pick<FlowSnapshot, 'nodes' | 'edges' | 'deadLetters'> {
  const seconds = Math.max((last.at - base.at) / 1000, 0.001);
  // What was not there in an earlier reading has come since, and all that it counts with it.
  const none = oldest === last ? undefined : {};
  const edges = [...last.edges].flatMap(([key, edge]) =>
    last.nodes.has(edge.from) && last.nodes.has(edge.to)
      ? [flowEdge(edge, base.edges.get(key), oldest.edges.get(key) ?? none, seconds)]
      : [],
  );
  const nodes = [...last.nodes.values()].map((node) =>
    flowNode(node, base.nodes.get(node.id)?.counters, oldest.nodes.get(node.id) ?? none, seconds),
  );
  const failing = new Map(edges.filter(({ status }) => status === 'error').map((edge) => [edge.to, edge]));
  return {
    nodes: nodes.map((node) => asReached(node, failing)),
    edges,
    ...(last.deadLetters !== undefined && { deadLetters: last.deadLetters }),
  };
}

function flowNode(
  node: FlowNodeReading,
  before: FlowCounters | undefined,
  oldest: Partial<FlowNodeReading> | undefined,
  seconds: number,
): FlowNode {
  const totals = node.counters ?? {};
  // A node that was not there at the base reading has no rate yet: its total is not of these seconds.
  const grown = (name: keyof FlowCounters) => (before ? Math.max(0, (totals[name] ?? 0) - (before[name] ?? 0)) : 0);
  const rate = (name: keyof FlowCounters) => round(grown(name) / seconds);
  const calls = grown('calls');
  return {
    id: node.id,
    kind: node.kind,
    label: node.label,
    ...node.gauges,
    ...healthOfNode(node, oldest, rate('events') + rate('calls')),
    eventsPerSecond: rate('events'),
    bytesPerSecond: rate('bytes'),
    callsPerSecond: rate('calls'),
    errorsPerSecond: rate('errors'),
    ...(calls > 0 ? { batchSize: round(grown('events') / calls) } : {}),
    totals,
    ...(node.logGroup === undefined ? {} : { logGroup: node.logGroup }),
    ...(node.isDeadLetterQueue && { isDeadLetterQueue: true }),
  };
}

/** Targets outside of the node say nothing of themselves: they fare as the deliveries to them do. */
const OUTSIDE: ReadonlySet<FlowNode['kind']> = new Set(['webhook', 'email', 'other']);

function asReached(node: FlowNode, failing: ReadonlyMap<string, FlowEdge>): FlowNode {
  if (!OUTSIDE.has(node.kind) || node.problem !== undefined) return node;
  const problem = failing.get(node.id)?.problem;
  return problem === undefined ? node : { ...node, status: 'error', problem };
}

function flowEdge(
  edge: FlowEdgeReading,
  before: FlowEdgeReading | undefined,
  oldest: Partial<FlowEdgeReading> | undefined,
  seconds: number,
): FlowEdge {
  const { from, to, via, events, errors, retries, deadLettered, lost, ...state } = edge;
  const rate = (now = 0, then = now) => round(Math.max(0, now - then) / seconds);
  const eventsPerSecond = before ? rate(events, before.events) : 0;
  return {
    ...{ from, to, via },
    ...state,
    ...healthOfEdge(edge, oldest, eventsPerSecond),
    eventsPerSecond,
    errorsPerSecond: before ? rate(errors, before.errors ?? 0) : 0,
    retriesPerSecond: before ? rate(retries, before.retries ?? 0) : 0,
    totals: {
      events,
      ...(errors !== undefined && { errors }),
      ...(retries !== undefined && { retries }),
      ...(deadLettered !== undefined && { deadLettered }),
      ...(lost !== undefined && { lost }),
    },
  };
}

/** Three significant digits are all that a picture shows. */
function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
