import { DomainError } from '../../../base/index.ts';
import { topicMatches } from '../../../codec/mqtt/index.ts';
import type { ForeignBroker } from './foreign-broker.ts';

/** One line of a bridge: what passes, and how its topics are called on both sides. */
export interface BridgeRoute {
  readonly bridge: string;
  readonly broker: string;
  /** Without the prefixes. */
  readonly filter: string;
  readonly direction: 'in' | 'out' | 'both';
  /** A message goes at this QoS at most. */
  readonly qos: 0 | 1;
  readonly localPrefix: string;
  readonly remotePrefix: string;
}

export const localFilter = ({ localPrefix, filter }: BridgeRoute): string => localPrefix + filter;
export const remoteFilter = ({ remotePrefix, filter }: BridgeRoute): string => remotePrefix + filter;
export const comesIn = ({ direction }: BridgeRoute): boolean => direction !== 'out';
export const goesOut = ({ direction }: BridgeRoute): boolean => direction !== 'in';

/** What a remote topic is called here; `undefined` when the route does not take it. */
export function localTopic(route: BridgeRoute, topic: string): string | undefined {
  if (!topicMatches(remoteFilter(route), topic)) return undefined;
  return route.localPrefix + topic.slice(route.remotePrefix.length);
}

/** What a topic of ours is called there. */
export function remoteTopic(route: BridgeRoute, topic: string): string | undefined {
  if (!topicMatches(localFilter(route), topic)) return undefined;
  return route.remotePrefix + topic.slice(route.localPrefix.length);
}

/** Whether there is a topic that both filters match. */
export function overlap(one: string, other: string): boolean {
  return levelsOverlap(one.split('/'), other.split('/'));
}

function levelsOverlap(one: readonly string[], other: readonly string[]): boolean {
  if (one[0] === '#' || other[0] === '#') return true;
  // `a/#` matches `a` as well (4.7.1.2).
  if (one.length === 0) return other.length === 0;
  if (other.length === 0) return false;
  const [first, second] = [one[0]!, other[0]!];
  if (first !== second && first !== '+' && second !== '+') return false;
  const [restOfOne, restOfOther] = [one.slice(1), other.slice(1)];
  if (restOfOne.length === 0 && restOfOther[0] === '#') return true;
  if (restOfOther.length === 0 && restOfOne[0] === '#') return true;
  return levelsOverlap(restOfOne, restOfOther);
}

/**
 * Refuses what would go round in a circle or come twice.
 *
 * - Lines that come in from one broker must not overlap there: a broker may send one copy for each.
 * - MQTT 3.1.1 cannot keep what we have published from coming back: a line that goes out there must not overlap one that comes in.
 *
 * @throws DomainError bridge-invalid
 */
export function checkRoutes(routes: readonly BridgeRoute[], brokers: readonly ForeignBroker[]): void {
  for (const { name, protocol } of brokers) {
    const own = routes.filter(({ broker }) => broker === name);
    const incoming = own.filter(comesIn);
    for (const [index, one] of incoming.entries()) {
      for (const other of incoming.slice(index + 1)) refuseOverlap(one, other, 'come in twice');
    }
    if (protocol === 5) continue;
    for (const out of own.filter(goesOut)) {
      for (const one of incoming) refuseOverlap(out, one, 'go round in a circle: that takes protocol 5');
    }
  }
}

function refuseOverlap(one: BridgeRoute, other: BridgeRoute, fault: string): void {
  if (!overlap(remoteFilter(one), remoteFilter(other))) return;
  throw new DomainError(
    'bridge-invalid',
    `bridges.${other.bridge}: ${remoteFilter(one)} and ${remoteFilter(other)} of broker ${one.broker} overlap: messages would ${fault}`,
  );
}
