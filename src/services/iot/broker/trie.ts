/**
 * One level of the filters. There is one for each level of each filter, so most have a single child or none, and a single value:
 * maps and sets are made only for more.
 */
class Node<T extends object> {
  /** The only child under a name, or all of them. */
  level = '';
  child: Node<T> | undefined;
  children: Map<string, Node<T>> | undefined;
  /** The child under `+`. */
  any: Node<T> | undefined;
  /** Values of the filter that ends here, and of the one that goes on with `#`. */
  values: T | Set<T> | undefined;
  rest: T | Set<T> | undefined;

  get(level: string): Node<T> | undefined {
    return level === '+' ? this.any : this.named(level);
  }

  named(level: string): Node<T> | undefined {
    return this.children !== undefined ? this.children.get(level) : this.level === level ? this.child : undefined;
  }

  make(level: string): Node<T> {
    const node = new Node<T>();
    if (level === '+') this.any = node;
    else if (this.children) this.children.set(level, node);
    else if (this.child) {
      this.children = new Map([[this.level, this.child]]).set(level, node);
      this.child = undefined;
    } else {
      this.level = level;
      this.child = node;
    }
    return node;
  }

  drop(level: string): void {
    if (level === '+') this.any = undefined;
    else if (this.children) {
      this.children.delete(level);
      if (this.children.size === 0) this.children = undefined;
    } else this.child = undefined;
  }

  get isEmpty(): boolean {
    return !this.values && !this.rest && !this.any && !this.child && !this.children;
  }
}

/**
 * Values by topic filter, found by topic: one look-up a level, and a branch where `+` and `#` stand.
 * `$`-topics are matched by `+` and `#` only below their first level [MQTT-4.7.2-1].
 */
export class TopicTrie<T extends object> {
  readonly #root = new Node<T>();
  #version = 0;

  /** Changes with every change of the trie: what was matched under another version may be stale. */
  get version(): number {
    return this.#version;
  }

  add(filter: string, value: T): void {
    const { path, isOpen } = parse(filter);
    let node = this.#root;
    for (const level of path) node = node.get(level) ?? node.make(level);
    if (isOpen) node.rest = including(node.rest, value);
    else node.values = including(node.values, value);
    this.#version++;
  }

  /** Removes the value and the branches that it leaves empty; false when it was not there. */
  delete(filter: string, value: T): boolean {
    const { path, isOpen } = parse(filter);
    const nodes = [this.#root];
    for (const level of path) {
      const child = nodes.at(-1)!.get(level);
      if (!child) return false;
      nodes.push(child);
    }
    const last = nodes.at(-1)!;
    const before = isOpen ? last.rest : last.values;
    if (!includes(before, value)) return false;
    if (isOpen) last.rest = excluding(before, value);
    else last.values = excluding(before, value);
    for (let depth = path.length; depth > 0 && nodes[depth]!.isEmpty; depth--) nodes[depth - 1]!.drop(path[depth - 1]!);
    this.#version++;
    return true;
  }

  /** Values of all filters that match the topic with these levels. */
  match(levels: readonly string[]): T[] {
    const found: T[] = [];
    collect(this.#root, levels, 0, found);
    return found;
  }

  /** Whether there may be a filter for topics that begin with these levels and go on: a look-up a level, whatever the topics are. */
  leadsBelow(levels: readonly string[]): boolean {
    return leadsBelow(this.#root, levels, 0);
  }
}

/** The levels of a filter without a closing `#`, and whether there is one. */
function parse(filter: string): { readonly path: readonly string[]; readonly isOpen: boolean } {
  const path = filter.split('/');
  const isOpen = path.at(-1) === '#';
  if (isOpen) path.pop();
  return { path, isOpen };
}

function includes<T extends object>(values: T | Set<T> | undefined, value: T): boolean {
  return values instanceof Set ? values.has(value) : values === value;
}

function including<T extends object>(values: T | Set<T> | undefined, value: T): T | Set<T> {
  if (values === undefined || values === value) return value;
  return values instanceof Set ? values.add(value) : new Set([values, value]);
}

function excluding<T extends object>(values: T | Set<T> | undefined, value: T): T | Set<T> | undefined {
  if (!(values instanceof Set)) return undefined;
  values.delete(value);
  return values.size === 0 ? undefined : values;
}

function collect<T extends object>(node: Node<T>, levels: readonly string[], depth: number, found: T[]): void {
  const wild = depth > 0 || !levels[0]!.startsWith('$');
  // `#` matches the level it follows too: `a/#` matches `a` (4.7.1.2).
  if (wild && node.rest !== undefined) take(node.rest, found);
  if (depth === levels.length) {
    if (node.values !== undefined) take(node.values, found);
    return;
  }
  const level = levels[depth]!;
  const exact = node.named(level);
  if (exact !== undefined) collect(exact, levels, depth + 1, found);
  if (wild && node.any !== undefined) collect(node.any, levels, depth + 1, found);
}

function leadsBelow<T extends object>(node: Node<T>, levels: readonly string[], depth: number): boolean {
  const wild = depth > 0 || !levels[0]!.startsWith('$');
  if (wild && node.rest !== undefined) return true;
  if (depth === levels.length) return node.any !== undefined || node.child !== undefined || node.children !== undefined;
  const level = levels[depth]!;
  const exact = node.named(level);
  if (exact !== undefined && leadsBelow(exact, levels, depth + 1)) return true;
  return wild && node.any !== undefined && leadsBelow(node.any, levels, depth + 1);
}

function take<T extends object>(values: T | Set<T>, found: T[]): void {
  if (values instanceof Set) for (const value of values) found.push(value);
  else found.push(values);
}
