interface Node<T> {
  readonly children: Map<string, Node<T>>;
  /** Values of the filter that ends here. */
  values: Set<T> | undefined;
}

const newNode = <T>(): Node<T> => ({ children: new Map(), values: undefined });

/**
 * Values by topic filter, found by topic: one map look-up a level, and two more where `+` and `#` stand.
 * `$`-topics are matched by `+` and `#` only below their first level [MQTT-4.7.2-1].
 */
export class TopicTrie<T> {
  readonly #root: Node<T> = newNode();
  #version = 0;

  /** Changes with every change of the trie: what was matched under another version may be stale. */
  get version(): number {
    return this.#version;
  }

  add(filter: string, value: T): void {
    let node = this.#root;
    for (const level of filter.split('/')) {
      let child = node.children.get(level);
      if (!child) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    node.values ??= new Set();
    node.values.add(value);
    this.#version++;
  }

  /** Removes the value and the branches that it leaves empty; false when it was not there. */
  delete(filter: string, value: T): boolean {
    const path: { readonly parent: Node<T>; readonly level: string }[] = [];
    let node = this.#root;
    for (const level of filter.split('/')) {
      const child = node.children.get(level);
      if (!child) return false;
      path.push({ parent: node, level });
      node = child;
    }
    if (!node.values?.delete(value)) return false;
    if (node.values.size === 0) node.values = undefined;
    for (const { parent, level } of path.reverse()) {
      const child = parent.children.get(level)!;
      if (child.values || child.children.size > 0) break;
      parent.children.delete(level);
    }
    this.#version++;
    return true;
  }

  /** Values of all filters that match the topic with these levels. */
  match(levels: readonly string[]): T[] {
    const found: T[] = [];
    collect(this.#root, levels, 0, found);
    return found;
  }
}

function collect<T>(node: Node<T>, levels: readonly string[], depth: number, found: T[]): void {
  const wild = depth > 0 || !levels[0]!.startsWith('$');
  if (wild) {
    // `#` matches the level it follows too: `a/#` matches `a` (4.7.1.2).
    const rest = node.children.get('#');
    if (rest?.values) for (const value of rest.values) found.push(value);
  }
  if (depth === levels.length) {
    if (node.values) for (const value of node.values) found.push(value);
    return;
  }
  const exact = node.children.get(levels[depth]!);
  if (exact) collect(exact, levels, depth + 1, found);
  if (!wild) return;
  const any = node.children.get('+');
  if (any) collect(any, levels, depth + 1, found);
}
