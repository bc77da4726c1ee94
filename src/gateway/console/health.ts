import type { FlowEdgeReading, FlowNodeReading, FlowStatus } from './flow.ts';

/** Numbers by which a part of the flow counts as ill (S5). */
export const HEALTH_LIMITS = {
  /** Time that is looked back on: what failed within it colours its part. */
  lookBackMs: 10_000,
  /** Lag, or age of the oldest that waits on an edge, above which it is falling behind. */
  lagMsMax: 5000,
  /** The same of a queue: it may be there to hold messages for a while. */
  queueAgeMsMax: 60_000,
  /** A backlog grows when it has come to hold so many more, and so much more of itself, within that time. */
  growthMin: 100,
  growthShare: 0.1,
} as const;

/** A status and, of one that is not well, why in words. */
export interface Health {
  readonly status: FlowStatus;
  readonly problem?: string;
}

/**
 * How a node fares.
 * @param oldest  its reading of ten seconds ago, or the first since; one without counts for a node that has come since then
 * @param activity  events and calls a second
 */
export function healthOfNode(
  node: FlowNodeReading,
  oldest: Pick<FlowNodeReading, 'gauges' | 'counters'> | undefined,
  activity: number,
): Health {
  const { gauges = {}, counters } = node;
  const failed = gained(counters?.errors, oldest, oldest?.counters?.errors);
  if (failed > 0) return { status: 'error', problem: `${count(failed, 'error')} in the last seconds` };
  const { pending = 0, oldestAgeMs = 0, lagMs = 0 } = gauges;
  if (node.isDeadLetterQueue && pending > 0) {
    const fresh = gained(pending, oldest, oldest?.gauges?.pending);
    if (fresh > 0)
      return { status: 'error', problem: `${count(fresh, 'dead letter')} just came, ${number(pending)} wait` };
    return { status: 'waiting', problem: `${count(pending, 'dead letter')} ${pending === 1 ? 'waits' : 'wait'}` };
  }
  if (lagMs > HEALTH_LIMITS.lagMsMax) return { status: 'waiting', problem: `lags ${words(lagMs)} behind` };
  const growth = growthOf(pending, oldest, oldest?.gauges?.pending);
  if (growth > 0)
    return { status: 'waiting', problem: `backlog grows: ${number(growth)} more, ${number(pending)} wait` };
  if (pending > 0 && oldestAgeMs > HEALTH_LIMITS.queueAgeMsMax) {
    return { status: 'waiting', problem: `the oldest waits ${words(oldestAgeMs)}` };
  }
  return { status: activity > 0 ? 'ok' : 'idle' };
}

/** How an edge fares. @param oldest  as of {@link healthOfNode} @param eventsPerSecond  what arrives */
export function healthOfEdge(
  edge: FlowEdgeReading,
  oldest: Partial<FlowEdgeReading> | undefined,
  eventsPerSecond: number,
): Health {
  const { pending = 0, oldestAgeMs = 0, poller, lastError } = edge;
  const waiting = pending > 0 ? `, ${number(pending)} wait` : '';
  if (poller && poller.paused.length > 0) {
    return { status: 'paused', problem: `held back by ${poller.paused.join(', ')}${waiting}` };
  }
  const why = lastError === undefined ? '' : `: ${lastError}`;
  const gain = (name: 'lost' | 'deadLettered' | 'retries' | 'errors') => gained(edge[name], oldest, oldest?.[name]);
  const [lost, given, retries, failed] = [gain('lost'), gain('deadLettered'), gain('retries'), gain('errors')];
  if (lost > 0) return { status: 'error', problem: `${number(lost)} lost${why}` };
  if (given > 0) return { status: 'error', problem: `${number(given)} given up${why}` };
  if (retries > 0) return { status: 'error', problem: `${count(retries, 'retry', 'retries')}${waiting}${why}` };
  if (failed > 0) return { status: 'error', problem: `${number(failed)} failed${waiting}${why}` };
  // Nobody tries for a while: what has failed last has not been made good.
  if (lastError !== undefined && pending > 0) return { status: 'error', problem: `${number(pending)} wait${why}` };
  const growth = growthOf(pending, oldest, oldest?.pending);
  if (growth > 0) return { status: 'waiting', problem: `backlog grows: ${number(growth)} more${waiting}` };
  if (pending > 0 && oldestAgeMs > HEALTH_LIMITS.lagMsMax) {
    return { status: 'waiting', problem: `the oldest of ${number(pending)} waits ${words(oldestAgeMs)}` };
  }
  return { status: eventsPerSecond > 0 ? 'ok' : 'idle' };
}

/** What a count has gained; without an earlier reading nothing that is known of. */
function gained(now: number | undefined, earlier: object | undefined, before: number | undefined): number {
  return earlier === undefined ? 0 : Math.max(0, (now ?? 0) - (before ?? 0));
}

function growthOf(now: number, earlier: object | undefined, before = 0): number {
  const growth = gained(now, earlier, before);
  return growth >= HEALTH_LIMITS.growthMin && growth >= HEALTH_LIMITS.growthShare * before ? growth : 0;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** An age as people say it: one unit is enough. */
function words(ms: number): string {
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
