import type { Graph } from '../template/references.ts';

/** - `waiting`: not begun. - `running`: begun. - `done`, `failed`: ended. - `cancelled`: will not begin, since another failed. */
export type NodeState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

/**
 * One pass over a graph of things to do, each after those before it: making, changing or deleting resources. A value, so that
 * it can be stored and taken up again.
 */
export type Walk = Readonly<Record<string, { readonly after: readonly string[]; readonly state: NodeState }>>;

export function startWalk(graph: Graph): Walk {
  return Object.fromEntries(Object.entries(graph).map(([id, after]) => [id, { after, state: 'waiting' as const }]));
}

/** What may begin now, at most so many that `runningMax` run together; nothing once one has failed. */
export function readyNodes(walk: Walk, runningMax: number): readonly string[] {
  const nodes = Object.entries(walk);
  if (nodes.some(([, { state }]) => state === 'failed')) return [];
  const running = nodes.filter(([, { state }]) => state === 'running').length;
  return nodes
    .filter(
      ([, { state, after }]) => state === 'waiting' && after.every((id) => (walk[id]?.state ?? 'done') === 'done'),
    )
    .map(([id]) => id)
    .slice(0, Math.max(0, runningMax - running));
}

export function markNode(walk: Walk, id: string, state: NodeState): Walk {
  return { ...walk, [id]: { ...walk[id]!, state } };
}

/** Nodes in one of the states. */
export function nodesIn(walk: Walk, ...states: readonly NodeState[]): readonly string[] {
  return Object.entries(walk)
    .filter(([, node]) => states.includes(node.state))
    .map(([id]) => id);
}

/** Nothing runs, and nothing more will begin. */
export function isOver(walk: Walk): boolean {
  return nodesIn(walk, 'running').length === 0 && readyNodes(walk, 1).length === 0;
}
