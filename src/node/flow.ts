import { DEFAULT_REGION, parseArn } from '../base/index.ts';
import type { EdgeState } from '../delivery/index.ts';
import type {
  FlowEdgeReading,
  FlowNodeKind,
  FlowNodeReading,
  FlowReading,
  FlowSource,
} from '../gateway/console/index.ts';
import { type RuleAction, ruleArn } from '../services/iot/index.ts';
import type { Stream } from '../services/kinesis/index.ts';
import type { QueueView } from '../services/sqs/index.ts';
import type { Datum, Metrics } from '../telemetry/index.ts';
import type { NodeDeadLetters } from './dead-letters/dead-letters.ts';
import type { FailureRelation, Relations } from './dead-letters/relations.ts';
import type { FunctionCalls } from './function-calls.ts';
import { NODE_LIMITS } from './limits.ts';
import { MetricIndex } from './metric-index.ts';
import type { Services } from './services.ts';

const DEVICES = 'devices';
/** Where asynchronous invokes come from: whoever calls the API. */
const INVOKES = 'invokes';

/** CloudWatch metrics that say what comes in, by their namespace, and the dimension with the name. */
const COUNTED: Readonly<Record<string, { readonly name: string; readonly dimension: string }>> = {
  'AWS/SQS': { name: 'NumberOfMessagesSent', dimension: 'QueueName' },
  'AWS/SNS': { name: 'NumberOfMessagesPublished', dimension: 'TopicName' },
};

/** The flow of a node, as the console shows it: read off the doors of its rooms and its metrics. */
export class NodeFlow implements FlowSource {
  readonly #services: Services;
  readonly #letters: Pick<NodeDeadLetters, 'places'>;
  readonly #relations: Relations;
  readonly #metrics: Metrics;
  readonly #calls: FunctionCalls;
  readonly #connections: () => number;
  readonly #durations = new Map<string, RecentValues>();
  /** Messages that queues and topics have taken since the node started, by namespace and name. */
  readonly #counted = new Map<string, number>();
  /** Records that streams held when the node started: counters begin there. */
  readonly #recordsAtStart: ReadonlyMap<string, number>;

  constructor(parts: {
    readonly services: Services;
    readonly letters: Pick<NodeDeadLetters, 'places'>;
    readonly relations: Relations;
    readonly metrics: Metrics;
    readonly calls: FunctionCalls;
    readonly connections: () => number;
  }) {
    this.#letters = parts.letters;
    this.#relations = parts.relations;
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
    const places = this.#letters.places();
    const look = this.#look();
    const nodes = new Map<string, FlowNodeReading>();
    const edges = new Map<string, FlowEdgeReading>();
    const add = (node: FlowNodeReading) => nodes.set(node.id, node);
    const join = (edge: FlowEdgeReading) => {
      const key = `${edge.from} ${edge.to} ${edge.via}`;
      // What the outbox knows of an edge says more than that there is one.
      if (!edges.has(key)) edges.set(key, edge);
    };
    add(this.#devices());
    for (const node of [...this.#streams(look), ...this.#functions(look), ...this.#queues(look)]) add(node);
    for (const edge of [...this.#deliveries(look), ...this.#pulls(look), ...this.#writes()]) join(edge);
    for (const { node, out } of this.#rules(look)) {
      add(node);
      join({ from: DEVICES, to: node.id, events: node.counters?.events ?? 0, via: 'push' });
      for (const edge of out) join(edge);
    }
    for (const { from, to } of look.relations) {
      // What the outbox brings to a dead-letter queue goes along the relation, not beside it.
      const brought = edges.get(`${from} ${to} push`);
      edges.delete(`${from} ${to} push`);
      join({ ...(brought ?? { from, to, events: 0 }), via: 'dead-letter' });
    }
    const drawn = [...edges.values()];
    // What is only known as an end of an edge (a topic, a table, a webhook) is drawn by its ARN.
    for (const end of drawn.flatMap(({ from, to }) => [from, to]))
      if (!nodes.has(end)) add(this.#plain(end, readFrom(end, drawn), look));
    const joined = new Set(drawn.flatMap(({ from, to }) => [from, to]));
    return {
      nodes: [...nodes.values()].filter((node) => node.kind !== 'queue' || joined.has(node.id) || !isQuiet(node)),
      edges: drawn,
      deadLetters: sum(places.map(({ waiting }) => waiting)),
    };
  }

  /** What several parts of one reading are made of. */
  #look(): Look {
    const { delivery, sqs } = this.#services;
    const calls = new Map<string, number>();
    for (const { target, calls: made } of this.#calls.all()) calls.set(target, (calls.get(target) ?? 0) + made);
    return {
      calls,
      outbox: new Map(delivery.edges().map((edge) => [edge.arn, edge])),
      queues: sqs.describe(DEFAULT_REGION),
      relations: this.#relations(),
      lines: new MetricIndex(this.#metrics),
    };
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

  #streams({ lines }: Look): FlowNodeReading[] {
    return [...this.#services.kinesis.streams()].map((stream) => {
      const { arn, name } = stream;
      const ages = lines.values('millrace_poller_iterator_age_seconds', { source: arn });
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

  #functions({ lines }: Look): FlowNodeReading[] {
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
          events: sum(lines.values('millrace_poller_records_total', { function: name })),
          calls: pool?.invocations ?? 0,
          errors: pool?.errors ?? 0,
          coldStarts: pool?.coldStarts ?? 0,
        },
      };
    });
  }

  #rules({ lines }: Look): { node: FlowNodeReading; out: FlowEdgeReading[] }[] {
    return this.#services.iot.rules().map((rule) => {
      const events = sum(lines.values('millrace_iot_rule_matches_total', { rule: rule.ruleName }));
      const errors = sum(lines.values('millrace_iot_rule_failures_total', { rule: rule.ruleName }));
      const id = ruleArn(rule);
      const targets = rule.actions.flatMap((action) => targetOf(action, rule.region) ?? []);
      return {
        node: { id, kind: 'rule', label: rule.ruleName, counters: { events, errors } },
        out: targets.map((to) => ({ from: id, to, events, via: 'push' })),
      };
    });
  }

  #queues(look: Look): FlowNodeReading[] {
    const { queues, relations } = look;
    const dead = new Set(relations.map(({ to }) => to));
    return queues.map(({ arn, name, visible, inFlight, delayed, oldestAgeMs }) => ({
      id: arn,
      kind: 'queue',
      label: name,
      gauges: { pending: visible, inFlight, delayed, ...(visible > 0 && { oldestAgeMs }) },
      counters: { events: this.#arrived(arn, look) },
      ...(dead.has(arn) && { isDeadLetterQueue: true }),
    }));
  }

  /** Event source mappings: from the source to the function. */
  #pulls({ lines }: Look): FlowEdgeReading[] {
    return this.#services.mappings.mappings().map(({ mapping, poller }) => {
      const { uuid, region, functionName, functionArn, sourceArn, settings } = mapping;
      const counted = (name: string) => sum(lines.values(name, { source: sourceArn, function: functionName }));
      const { depth, ageMs, concurrency, lastResult } = poller;
      const discarded = counted('millrace_poller_discarded_total');
      const failed = lastResult.startsWith('PROBLEM: ') ? lastResult.slice('PROBLEM: '.length) : undefined;
      const [first] = settings.filters;
      return {
        from: plainArn(sourceArn),
        to: plainArn(functionArn),
        via: 'pull',
        events: counted('millrace_poller_records_total'),
        errors: counted('millrace_poller_failures_total'),
        retries: counted('millrace_poller_retries_total'),
        ...(settings.onFailureArn === undefined ? { lost: discarded } : { deadLettered: discarded }),
        ...(depth !== undefined && { pending: depth }),
        ...(ageMs !== undefined && { oldestAgeMs: ageMs }),
        ...(concurrency && { inFlight: concurrency.running }),
        ...(failed !== undefined && { lastError: failed }),
        ...(first !== undefined && { note: settings.filters.length === 1 ? first : `${first} or others` }),
        poller: {
          ...{ id: uuid, region, canReplay: settings.stream !== undefined },
          paused: mapping.enabled ? poller.paused : [...poller.paused, 'Enabled: false'],
        },
      };
    });
  }

  /** Calls that the code of functions makes. */
  #writes(): FlowEdgeReading[] {
    return [...this.#calls.all()].map(({ functionArn, target, calls }) => {
      return { from: functionArn, to: target, events: calls, via: 'write' };
    });
  }

  /** The outbox: from whoever sends to whoever gets it; subscriptions stand there before anything was sent. */
  #deliveries({ outbox }: Look): FlowEdgeReading[] {
    const sent = [...outbox.values()].flatMap((edge) => edge.sources.map((source) => pushOf(edge, source)));
    const notes = new Map<string, string>();
    const subscribed = this.#services.sns.subscriptions(DEFAULT_REGION).map((subscription): FlowEdgeReading => {
      const { topicArn, protocol, endpoint, token, attributes } = subscription;
      const to = targetOfSubscription(protocol, endpoint);
      const note = token === undefined ? attributes.FilterPolicy : 'nothing yet: it waits to be confirmed';
      if (note) notes.set(`${topicArn} ${to}`, note);
      return { from: topicArn, to, events: 0, via: 'push' };
    });
    return [...sent, ...subscribed].map((edge) => {
      const note = notes.get(`${edge.from} ${edge.to}`);
      return note === undefined ? edge : { ...edge, note };
    });
  }

  #plain(id: string, read: number, look: Look): FlowNodeReading {
    const edge = look.outbox.get(id);
    // Points are what counts in a series, however many calls wrote them.
    const written = id.startsWith('series:') ? this.#sum('millrace_series_points_written_total') : undefined;
    const events = written ?? Math.max(read, this.#arrived(id, look));
    return {
      id,
      ...describe(id),
      ...(edge && { gauges: { pending: edge.pending, oldestAgeMs: edge.oldestAgeMs } }),
      counters: { events, ...(edge && { deadLettered: edge.deadLettered }) },
    };
  }

  /** What functions and the outbox have brought there; of queues and topics, what they say that they took. */
  #arrived(id: string, { outbox, calls }: Look): number {
    const brought = (calls.get(id) ?? 0) + (outbox.get(id)?.delivered ?? 0);
    const { service, resource } = parseArn(id) ?? {};
    return Math.max(brought, this.#counted.get(`AWS/${service?.toUpperCase()} ${resource}`) ?? 0);
  }

  #take({ namespace, name, dimensions, value }: Datum): void {
    // Each invocation brings a dozen: what is none of these is told by the first look.
    if (namespace === 'AWS/Lambda') {
      if (name !== 'Duration') return;
    } else {
      const counted = COUNTED[namespace];
      if (counted?.name === name) this.#countDatum(`${namespace} ${dimensions[counted.dimension]}`, value);
      return;
    }
    const functionName = dimensions.FunctionName;
    // The same value comes by function, by resource and over all.
    if (functionName === undefined || dimensions.Resource !== undefined) return;
    const recent = this.#durations.get(functionName) ?? new RecentValues(NODE_LIMITS.durationsMax);
    recent.add(value);
    this.#durations.set(functionName, recent);
  }

  #countDatum(key: string, value: number): void {
    const before = this.#counted.get(key);
    if (before !== undefined || this.#counted.size < NODE_LIMITS.countedMax)
      this.#counted.set(key, (before ?? 0) + value);
  }

  #sum(name: string): number {
    return sum(this.#metrics.read(name).map(({ value }) => value));
  }
}

/** What one reading looks up for all of its parts. */
interface Look {
  /** Edges of the outbox by target. */
  readonly outbox: ReadonlyMap<string, EdgeState>;
  readonly queues: readonly QueueView[];
  readonly relations: readonly FailureRelation[];
  readonly lines: MetricIndex;
  /** Calls that the code of functions has made, by what they are about. */
  readonly calls: ReadonlyMap<string, number>;
}

/**
 * One edge of the outbox as one source has it: counts are its own; what waits is the target's, whoever has sent it, since one
 * target is one line.
 */
function pushOf(edge: EdgeState, counts: EdgeState['sources'][number]): FlowEdgeReading {
  const { arn, pending, oldestAgeMs, inFlight, lastError } = edge;
  const { source, delivered, retried, deadLettered, lost } = counts;
  const [from, to] = [plainArn(source), plainArn(arn)];
  return {
    // An asynchronous invoke has its function as its source: who called it is not known.
    ...{ from: from === to ? INVOKES : from, to, via: 'push', events: delivered },
    ...{ errors: retried + deadLettered + lost, retries: retried, deadLettered, lost },
    ...{ pending, oldestAgeMs, inFlight },
    ...(lastError && { lastError: `${lastError.code}: ${lastError.message}` }),
  };
}

/** A function is one part, whatever version or alias of it is named; a table is one with its stream. */
function plainArn(arn: string): string {
  const service = parseArn(arn)?.service;
  if (service === 'lambda') return arn.split(':').slice(0, 7).join(':');
  return service === 'dynamodb' ? arn.replace(/\/stream\/.*$/, '') : arn;
}

/** Records that the busiest mapping has read there: of a table nothing else tells how many changes it had. */
function readFrom(id: string, edges: readonly FlowEdgeReading[]): number {
  return Math.max(0, ...edges.map(({ from, via, events }) => (from === id && via === 'pull' ? events : 0)));
}

/** ARN or URL that deliveries of a subscription go to. */
function targetOfSubscription(protocol: string, endpoint: string): string {
  return protocol.startsWith('email') ? `mailto:${endpoint}` : plainArn(endpoint);
}

function isQuiet({ gauges = {}, counters }: FlowNodeReading): boolean {
  return !gauges.pending && !gauges.inFlight && !gauges.delayed && !counters?.events;
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
  logs: 'logs',
  dynamodb: 'table',
  s3: 'bucket',
};

function describe(id: string): { kind: FlowNodeKind; label: string } {
  if (id === INVOKES) return { kind: 'other', label: 'asynchronous invokes' };
  if (id.startsWith('series:')) return { kind: 'series', label: id.slice('series:'.length) };
  if (id.startsWith('mailto:')) return { kind: 'email', label: id.slice('mailto:'.length) };
  if (/^https?:/.test(id)) return { kind: 'webhook', label: URL.parse(id)?.host ?? id };
  const arn = parseArn(id);
  return { kind: KINDS[arn?.service ?? ''] ?? 'other', label: arn?.resource.split(/[:/]/).at(-1) ?? id };
}
