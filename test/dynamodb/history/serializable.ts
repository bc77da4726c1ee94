/**
 * Tells whether a history of transactions on lists is strictly serializable (as Elle has it): writers append unique elements to
 * several lists at once, readers read several lists at once, and the lists tell who came before whom. A cycle of those orders, and
 * of the order of time, shows what no serial order explains.
 */

export interface ListTransaction {
  /** Element that it appended, by list. */
  readonly appends: ReadonlyMap<string, string>;
  /** What it read, by list. */
  readonly reads: ReadonlyMap<string, readonly string[]>;
  readonly called: number;
  readonly returned: number;
}

/** @param finals  the lists at the end. @returns what is wrong, or nothing */
export function anomalyOf(
  history: readonly ListTransaction[],
  finals: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const writers = writersOf(history);
  for (const { appends } of history) {
    for (const [list, element] of appends) {
      if (!finals.get(list)?.includes(element)) return `${element} was appended to ${list} and is gone`;
    }
  }
  for (const [list, elements] of finals) {
    if (new Set(elements).size < elements.length) return `${list} holds an element twice`;
  }
  const edges = history.map(() => new Set<number>());
  for (const [reader, { reads }] of history.entries()) {
    for (const [list, elements] of reads) {
      const final = finals.get(list) ?? [];
      if (elements.some((element, at) => final[at] !== element)) return `${list} was read as it never was`;
      const last = writers.get(`${list} ${elements.at(-1)}`);
      const next = writers.get(`${list} ${final[elements.length]}`);
      if (last !== undefined && last !== reader) edges[last]!.add(reader);
      if (next !== undefined && next !== reader) edges[reader]!.add(next);
    }
  }
  for (const [list, elements] of finals) {
    for (let at = 1; at < elements.length; at++) {
      const [before, after] = [writers.get(`${list} ${elements[at - 1]}`)!, writers.get(`${list} ${elements[at]}`)!];
      if (before !== after) edges[before]!.add(after);
    }
  }
  for (const [before, { returned }] of history.entries()) {
    for (const [after, { called }] of history.entries()) if (returned < called) edges[before]!.add(after);
  }
  return hasCycle(edges) ? 'transactions form a cycle' : undefined;
}

function writersOf(history: readonly ListTransaction[]): ReadonlyMap<string, number> {
  const writers = new Map<string, number>();
  for (const [at, { appends }] of history.entries()) {
    for (const [list, element] of appends) writers.set(`${list} ${element}`, at);
  }
  return writers;
}

/** Takes away who has nobody before him until nobody is left. */
function hasCycle(edges: readonly ReadonlySet<number>[]): boolean {
  const before = edges.map(() => 0);
  for (const targets of edges) for (const target of targets) before[target]!++;
  const free = [...before.keys()].filter((at) => before[at] === 0);
  let taken = 0;
  for (let at = free.pop(); at !== undefined; at = free.pop()) {
    taken++;
    for (const target of edges[at]!) {
      before[target]!--;
      if (before[target] === 0) free.push(target);
    }
  }
  return taken < edges.length;
}
