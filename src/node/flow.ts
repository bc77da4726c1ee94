import { DEFAULT_REGION, parseArn } from '../base/index.ts';
import type {
  FlowEdgeReading,
  FlowNodeKind,
  FlowNodeReading,
  FlowReading,
  FlowSource,
} from '../gateway/console/index.ts';
import { type RuleAction, ruleArn } from '../services/iot/index.ts';
import type { Stream } from '../services/kinesis/index.ts';
import type { Datum, Metrics } from '../telemetry/index.ts';
import type { NodeDeadLetters } from './dead-letters/dead-letters.ts';
import type { FunctionCalls } from './function-calls.ts';
import type { Services } from './services.ts';

const DEVICES = 'devices';

/** Durations of a function that its quantiles are taken over: the last so many. */
const DURATIONS = 512;

/** The flow of a node, as the console shows it: read off the doors of its rooms and its metrics. */
export class NodeFlow implements FlowSource {
  readonly #services: Services;
  readonly #letters: Pick<NodeDeadLetters, 'count'>;
  readonly #metrics: Metrics;
  readonly #calls: FunctionCalls;
  readonly #connections: () => number;
  readonly #durations = new Map<string, RecentValues>();
  /** Records that streams held when the node started: counters begin there. */
  readonly #recordsAtStart: ReadonlyMap<string, number>;

  constructor(parts: {
    readonly services: Services;
    readonly letters: Pick<NodeDeadLetters, 'count'>;
    readonly metrics: Metrics;
    readonly calls: FunctionCalls;
    readonly connections: () => number;
  }) {
    this.#letters = parts.letters;
    this.#services = parts.services;
    this.#metrics = parts.metrics;
    this.#calls = parts.calls;
    this.#connections = parts.connections;
    this.#recordsAtStart = new Map(
      [...parts.services.kinesis.streams()].map((stream) => [stream.arn, recordsOf(stream)]),
    );
    parts.metrics.onDatum((datum) => this.#take(datum));
  }

  read(): FlowReading {
    const nodes = new Map<string, FlowNodeReading>();
    const edges: FlowEdgeReading[] = [];
    const add = (node: FlowNodeReading) => nodes.set(node.id, node);
    add(this.#devices());
    for (const node of [...this.#streams(), ...this.#functions()]) add(node);
    for (const { node, out } of this.#rules()) {
      add(node);
      edges.push({ from: DEVICES, to: node.id, events: node.counters?.events ?? 0, via: 'push' }, ...out);
    }
    edges.push(...this.#pulls(), ...this.#writes(), ...this.#deliveries());
    // What is only known as an end of an edge (a queue, a topic, a database) is drawn by its ARN.
    for (const { to } of edges) if (!nodes.has(to)) add(this.#plain(to));
    return { nodes: [...nodes.values()], edges, deadLetters: this.#letters.count };
  }

  #devices(): FlowNodeReading {
    return {
      id: DEVICES,
      kind: 'devices',
      label: 'devices',
      gauges: { connected: this.#connections() },
      counters: {
        events: this.#sum('millrace_mqtt_messages_received_total'),
        bytes: this.#sum('millrace_mqtt_received_bytes_total'),
        errors: this.#sum('millrace_mqtt_protocol_errors_total'),
      },
    };
  }

  #streams(): FlowNodeReading[] {
    return [...this.#services.kinesis.streams()].map((stream) => {
      const { arn, name } = stream;
      const ages = this.#read('millrace_poller_iterator_age_seconds', 'source', arn);
      return {
        id: arn,
        kind: 'stream',
        label: name,
        gauges: {
          shards: [...stream.shards.values()].filter((shard) => !shard.isClosed).length,
          ...(ages.length > 0 && { lagMs: Math.max(...ages) * 1000 }),
        },
        counters: { events: recordsOf(stream) - (this.#recordsAtStart.get(arn) ?? 0) },
      };
    });
  }

  #functions(): FlowNodeReading[] {
    return this.#services.lambda.describe(DEFAULT_REGION).map(({ arn, name, logGroup, pool }) => {
      const recent = this.#durations.get(name);
      return {
        id: arn,
        kind: 'function',
        label: name,
        logGroup,
        gauges: {
          busy: pool?.busy ?? 0,
          idle: pool?.idle ?? 0,
          ...(recent && { p50Ms: recent.quantile(0.5), p99Ms: recent.quantile(0.99) }),
        },
        counters: {
          events: sum(this.#read('millrace_poller_records_total', 'function', name)),
          calls: pool?.invocations ?? 0,
          errors: pool?.errors ?? 0,
          coldStarts: pool?.coldStarts ?? 0,
        },
      };
    });
  }

  #rules(): { node: FlowNodeReading; out: FlowEdgeReading[] }[] {
    return this.#services.iot.rules().map((rule) => {
      const events = sum(this.#read('millrace_iot_rule_matches_total', 'rule', rule.ruleName));
      const errors = sum(this.#read('millrace_iot_rule_failures_total', 'rule', rule.ruleName));
      const id = ruleArn(rule);
      const targets = rule.actions.flatMap((action) => targetOf(action, rule.region) ?? []);
      return {
        node: { id, kind: 'rule', label: rule.ruleName, counters: { events, errors } },
        out: targets.map((to) => ({ from: id, to, events, via: 'push' })),
      };
    });
  }

  /** Event source mappings: from the source to the function. */
  #pulls(): FlowEdgeReading[] {
    return this.#services.mappings.mappings().map(({ mapping }) => {
      const { functionName, functionArn, sourceArn } = mapping;
      const counted = (name: string) =>
        sum(
          this.#metrics
            .read(name)
            .filter(({ labels }) => labels.source === sourceArn && labels.function === functionName)
            .map(({ value }) => value),
        );
      const to = functionArn.split(':').slice(0, 7).join(':');
      const events = counted('millrace_poller_records_total');
      return { from: sourceArn, to, events, errors: counted('millrace_poller_failures_total'), via: 'pull' };
    });
  }

  /** Calls that the code of functions makes. */
  #writes(): FlowEdgeReading[] {
    return [...this.#calls.all()].map(({ functionArn, target, calls }) => {
      return { from: functionArn, to: target, events: calls, via: 'write' };
    });
  }

  /** The outbox: from topics and other sources to who gets it. */
  #deliveries(): FlowEdgeReading[] {
    return this.#services.sns.subscriptions(DEFAULT_REGION).map(({ topicArn, endpoint }) => {
      const edge = this.#services.delivery.edges().find(({ arn }) => arn === endpoint);
      const errors = edge?.deadLettered ?? 0;
      return { from: topicArn, to: endpoint, events: edge?.delivered ?? 0, errors, via: 'push' };
    });
  }

  #plain(id: string): FlowNodeReading {
    const edge = this.#services.delivery.edges().find(({ arn }) => arn === id);
    const queue = this.#services.sqs.describe(DEFAULT_REGION).find(({ arn }) => arn === id);
    const waiting = queue
      ? { pending: queue.visible }
      : edge && { pending: edge.pending, oldestAgeMs: edge.oldestAgeMs };
    const calls = [...this.#calls.all()].filter(({ target }) => target === id);
    // Points are what counts in a series, however many calls wrote them.
    const written = id.startsWith('series:') ? this.#sum('millrace_series_points_written_total') : undefined;
    const events = written ?? sum(calls.map((call) => call.calls)) + (edge?.delivered ?? 0);
    return {
      id,
      ...describe(id),
      ...(waiting && { gauges: waiting }),
      counters: { events, ...(edge && { deadLettered: edge.deadLettered }) },
    };
  }

  #take({ namespace, name, dimensions, value }: Datum): void {
    if (namespace !== 'AWS/Lambda' || name !== 'Duration') return;
    const functionName = dimensions.FunctionName;
    // The same value comes by function, by resource and over all.
    if (functionName === undefined || dimensions.Resource !== undefined) return;
    const recent = this.#durations.get(functionName) ?? new RecentValues(DURATIONS);
    recent.add(value);
    this.#durations.set(functionName, recent);
  }

  #sum(name: string): number {
    return sum(this.#metrics.read(name).map(({ value }) => value));
  }

  #read(name: string, label: string, is: string): number[] {
    return this.#metrics
      .read(name)
      .filter(({ labels }) => labels[label] === is)
      .map(({ value }) => value);
  }
}

/** The last values, as a ring. */
class RecentValues {
  readonly #values: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.#values = new Float64Array(size);
  }

  add(value: number): void {
    this.#values[this.#count++ % this.#values.length] = value;
  }

  quantile(q: number): number {
    const known = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    return known[Math.floor(q * (known.length - 1))] ?? 0;
  }
}

/** Records ever put into the stream. */
function recordsOf({ shards }: Stream): number {
  return sum([...shards.values()].map((shard) => shard.next));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What an action of a rule reaches; templates in names are shown as they are written. */
function targetOf(action: RuleAction, region: string): string | undefined {
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:000000000000:${resource}`;
  if (action.kinesis) return arn('kinesis', `stream/${action.kinesis.streamName}`);
  if (action.lambda) return action.lambda.functionArn;
  if (action.sns) return action.sns.targetArn;
  if (action.sqs) return arn('sqs', action.sqs.queueUrl.split('/').at(-1)!);
  return undefined;
}

const KINDS: Readonly<Record<string, FlowNodeKind>> = {
  sqs: 'queue',
  sns: 'topic',
  kinesis: 'stream',
  lambda: 'function',
};

function describe(id: string): { kind: FlowNodeKind; label: string } {
  if (id.startsWith('series:')) return { kind: 'series', label: id.slice('series:'.length) };
  if (/^https?:/.test(id)) return { kind: 'webhook', label: URL.parse(id)?.host ?? id };
  const arn = parseArn(id);
  return { kind: KINDS[arn?.service ?? ''] ?? 'other', label: arn?.resource.split(/[:/]/).at(-1) ?? id };
}
