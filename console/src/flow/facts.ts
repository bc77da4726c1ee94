import type { FlowEdge, FlowNode, FlowStatus } from '../api.ts';
import { age, compact, duration, rate } from '../format.ts';

export interface Fact {
  readonly name: string;
  readonly value: string;
  /** Something that a person should look at. */
  readonly isBad?: boolean;
}

export const KINDS: Readonly<Record<FlowNode['kind'], string>> = {
  devices: 'Devices',
  rule: 'Topic rule',
  stream: 'Stream',
  function: 'Function',
  series: 'Time series',
  topic: 'Topic',
  queue: 'Queue',
  webhook: 'Webhook',
  email: 'E-mail',
  logs: 'Log group',
  table: 'Table',
  bucket: 'Bucket',
  other: 'Other',
};

export const STATUSES: Readonly<Record<FlowStatus, string>> = {
  idle: 'idle',
  ok: 'well',
  waiting: 'falls behind',
  error: 'fails',
  paused: 'paused',
};

export const VIAS: Readonly<Record<FlowEdge['via'], string>> = {
  push: 'delivery',
  pull: 'event source mapping',
  write: "call of a function's code",
  'dead-letter': 'dead letters',
};

/** What matters most about a node, in order; a card shows the first ones. */
export function factsOf(node: FlowNode): Fact[] {
  const facts: (Fact | false)[] = [
    node.connected !== undefined && { name: 'connected', value: compact(node.connected) },
    node.lagMs !== undefined && { name: 'lag', value: duration(node.lagMs), isBad: node.status === 'waiting' },
    node.batchSize !== undefined && node.kind === 'function' && { name: 'batch', value: compact(node.batchSize) },
    node.p50Ms !== undefined && { name: 'p50', value: duration(node.p50Ms) },
    node.p99Ms !== undefined && { name: 'p99', value: duration(node.p99Ms) },
    node.totals.coldStarts !== undefined && { name: 'cold starts', value: compact(node.totals.coldStarts) },
    node.pending !== undefined && {
      name: 'waiting',
      value: compact(node.pending),
      isBad: node.isDeadLetterQueue === true && node.pending > 0,
    },
    node.inFlight !== undefined && node.inFlight > 0 && { name: 'in flight', value: compact(node.inFlight) },
    node.delayed !== undefined && node.delayed > 0 && { name: 'delayed', value: compact(node.delayed) },
    node.oldestAgeMs !== undefined && node.oldestAgeMs > 0 && { name: 'oldest', value: age(node.oldestAgeMs) },
    node.shards !== undefined && { name: node.shards === 1 ? 'shard' : 'shards', value: compact(node.shards) },
    node.totals.errors !== undefined &&
      node.totals.errors > 0 && { name: 'errors', value: compact(node.totals.errors), isBad: true },
  ];
  return facts.filter((fact) => fact !== false);
}

/** All that is known of a node, for the details and the table. */
export function detailsOf(node: FlowNode): Fact[] {
  const { totals } = node;
  const more: (Fact | false)[] = [
    { name: 'rate', value: rate(node.eventsPerSecond) },
    node.bytesPerSecond > 0 && { name: 'bytes', value: rate(node.bytesPerSecond).replace('/s', 'B/s') },
    node.callsPerSecond > 0 && { name: 'calls', value: rate(node.callsPerSecond) },
    node.busy !== undefined && { name: 'environments', value: `${node.busy} busy, ${node.idle ?? 0} idle` },
    totals.events !== undefined && { name: 'since start', value: compact(totals.events) },
    totals.throttles !== undefined &&
      totals.throttles > 0 && { name: 'throttles', value: compact(totals.throttles), isBad: true },
    totals.deadLettered !== undefined &&
      totals.deadLettered > 0 && { name: 'dead letters', value: compact(totals.deadLettered), isBad: true },
  ];
  return [...more.filter((fact) => fact !== false), ...factsOf(node)];
}

/** All that is known of an edge. Counts that are nought are left out where that goes without saying. */
export function edgeFacts(edge: FlowEdge): Fact[] {
  const { totals, pending, oldestAgeMs, inFlight } = edge;
  const bad = (name: string, value: number | undefined) =>
    value !== undefined && value > 0 && { name, value: compact(value), isBad: true };
  const facts: (Fact | false)[] = [
    { name: 'rate', value: rate(edge.eventsPerSecond) },
    pending !== undefined && { name: 'waiting', value: compact(pending), isBad: edge.status === 'waiting' },
    oldestAgeMs !== undefined &&
      oldestAgeMs > 0 && { name: 'oldest', value: age(oldestAgeMs), isBad: edge.status === 'waiting' },
    inFlight !== undefined && { name: 'in flight', value: compact(inFlight) },
    totals.retries !== undefined && {
      name: 'retries',
      value: compact(totals.retries),
      isBad: edge.retriesPerSecond > 0,
    },
    bad('failed tries', totals.errors),
    bad('dead letters', totals.deadLettered),
    bad('lost', totals.lost),
    { name: 'since start', value: compact(totals.events) },
  ];
  return facts.filter((fact) => fact !== false);
}

/** The few words that stand on an edge: what is wrong, else the rate. */
export function edgeWords(edge: FlowEdge): string {
  const { status, pending = 0, eventsPerSecond } = edge;
  if (status === 'paused') return pending > 0 ? `paused, ${compact(pending)} wait` : 'paused';
  if (status === 'error') return pending > 0 ? `fails, ${compact(pending)} wait` : 'fails';
  if (status === 'waiting') return `${compact(pending)} wait`;
  return eventsPerSecond > 0 ? rate(eventsPerSecond) : '';
}

export const edgeKey = ({ from, to, via }: Pick<FlowEdge, 'from' | 'to' | 'via'>) => `${from}>${to}>${via}`;
