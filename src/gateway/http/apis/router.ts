/** Where a path leads, and what its variables are. */
export interface Match<Leaf> {
  readonly leaf: Leaf;
  readonly variables: Readonly<Record<string, string>> | undefined;
}

interface End<Leaf> {
  readonly leaf: Leaf;
  /** In the order in which they stand in the path. */
  readonly names: readonly string[];
}

interface Place<Leaf> {
  readonly children: Map<string, Place<Leaf>>;
  variable?: Place<Leaf>;
  /** By method; what follows is one variable, however many segments. */
  readonly greedy: Map<string, End<Leaf>>;
  readonly ends: Map<string, End<Leaf>>;
}

const ANY = 'ANY';

/**
 * Finds the route of a request: a whole path before one that ends greedily, at each segment its own text before a variable, the method
 * before `ANY`. Takes time in proportion to the routes that fit, never to all.
 *
 * @see Amazon API Gateway developer guide, "Create routes for HTTP APIs": routing API requests
 */
export class Router<Leaf> {
  readonly #root: Place<Leaf> = emptyPlace();

  /** @param segments  of the path, without its first slash: `{name}` and, as the last, `{name+}` are variables */
  add(method: string, segments: readonly string[], leaf: Leaf): void {
    let place = this.#root;
    const names: string[] = [];
    for (const segment of segments) {
      const variable = /^\{(.+?)(\+?)\}$/.exec(segment);
      if (variable) names.push(variable[1]!);
      if (variable?.[2] === '+') return void (place.greedy.has(method) || place.greedy.set(method, { leaf, names }));
      place = variable ? variableOf(place) : childOf(place, segment);
    }
    if (!place.ends.has(method)) place.ends.set(method, { leaf, names });
  }

  find(method: string, segments: readonly string[]): Match<Leaf> | undefined {
    return this.#whole(this.#root, method, segments, 0, []) ?? this.#greedy(this.#root, method, segments, 0, []);
  }

  /** Whether any method leads somewhere from this path. */
  has(segments: readonly string[]): boolean {
    return this.#anyOf(this.#root, segments, 0);
  }

  #whole(
    place: Place<Leaf>,
    method: string,
    segments: readonly string[],
    at: number,
    values: readonly string[],
  ): Match<Leaf> | undefined {
    if (at === segments.length) return matchOf(place.ends.get(method) ?? place.ends.get(ANY), values);
    const segment = segments[at]!;
    const child = place.children.get(segment);
    const found = child && this.#whole(child, method, segments, at + 1, values);
    if (found || !place.variable || segment === '') return found;
    return this.#whole(place.variable, method, segments, at + 1, [...values, segment]);
  }

  #greedy(
    place: Place<Leaf>,
    method: string,
    segments: readonly string[],
    at: number,
    values: readonly string[],
  ): Match<Leaf> | undefined {
    if (at === segments.length) return undefined;
    const segment = segments[at]!;
    const child = place.children.get(segment);
    const deeper =
      (child && this.#greedy(child, method, segments, at + 1, values)) ??
      (place.variable && segment !== ''
        ? this.#greedy(place.variable, method, segments, at + 1, [...values, segment])
        : undefined);
    if (deeper) return deeper;
    const rest = segments.slice(at).join('/');
    if (rest === '') return undefined;
    return matchOf(place.greedy.get(method) ?? place.greedy.get(ANY), [...values, rest]);
  }

  #anyOf(place: Place<Leaf>, segments: readonly string[], at: number): boolean {
    if (at === segments.length) return place.ends.size > 0;
    if (place.greedy.size > 0) return true;
    const child = place.children.get(segments[at]!);
    return (
      (child !== undefined && this.#anyOf(child, segments, at + 1)) ||
      (place.variable !== undefined && this.#anyOf(place.variable, segments, at + 1))
    );
  }
}

function emptyPlace<Leaf>(): Place<Leaf> {
  return { children: new Map(), greedy: new Map(), ends: new Map() };
}

function variableOf<Leaf>(place: Place<Leaf>): Place<Leaf> {
  place.variable ??= emptyPlace();
  return place.variable;
}

function childOf<Leaf>(place: Place<Leaf>, segment: string): Place<Leaf> {
  const known = place.children.get(segment);
  if (known) return known;
  const made = emptyPlace<Leaf>();
  place.children.set(segment, made);
  return made;
}

function matchOf<Leaf>(end: End<Leaf> | undefined, values: readonly string[]): Match<Leaf> | undefined {
  if (!end) return undefined;
  if (values.length === 0) return { leaf: end.leaf, variables: undefined };
  // Names are the API's: `__proto__` among them must stay a name.
  return { leaf: end.leaf, variables: Object.fromEntries(end.names.map((name, index) => [name, values[index]!])) };
}
