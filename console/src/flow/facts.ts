import type { FlowNode } from '../api.ts';
import { compact, duration, rate } from '../format.ts';

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
  table: 'Table',
  bucket: 'Bucket',
  other: 'Other',
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
      isBad: node.kind !== 'queue' && node.pending > 1000,
    },
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
    node.oldestAgeMs !== undefined &&
      node.oldestAgeMs > 0 && { name: 'oldest waits', value: duration(node.oldestAgeMs) },
    node.busy !== undefined && { name: 'environments', value: `${node.busy} busy, ${node.idle ?? 0} idle` },
    totals.events !== undefined && { name: 'since start', value: compact(totals.events) },
    totals.throttles !== undefined &&
      totals.throttles > 0 && { name: 'throttles', value: compact(totals.throttles), isBad: true },
    totals.deadLettered !== undefined &&
      totals.deadLettered > 0 && { name: 'dead letters', value: compact(totals.deadLettered), isBad: true },
  ];
  return [...more.filter((fact) => fact !== false), ...factsOf(node)];
}
