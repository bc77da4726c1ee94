/* Which operation of a REST service a request means: by method, path, literal query, and what else only that operation has. */
import { parseForm } from './form.ts';
import type { MemberRow, ServiceTable, StructureShape } from './shape.ts';

/** An operation found, with its labels' values as they came. */
export interface RouteMatch {
  readonly operation: string;
  readonly labels: ReadonlyMap<string, string>;
}

interface Route {
  readonly operation: string;
  readonly labels: readonly string[];
  /** Literal query of the URI: names, and the values where it has any. */
  readonly literals: readonly (readonly [name: string, value: string | undefined])[];
  /** Required members in query and headers: what tells UploadPart from PutObject. */
  readonly queries: readonly string[];
  readonly headers: readonly string[];
}

interface Node {
  readonly literals: Map<string, Node>;
  label: Node | undefined;
  /** Routes that end here, by method. */
  readonly ends: Map<string, Route[]>;
  /** Routes whose greedy label takes all that is left. */
  readonly greedy: Map<string, Route[]>;
}

/** The routes of one REST service. */
export class RestRouter {
  readonly #root = newNode();

  constructor(table: ServiceTable) {
    for (const [operation, { http, input }] of Object.entries(table.operations)) {
      if (http) this.#add(http[0], http[1], operation, table.shapes[input] as StructureShape);
    }
  }

  /** The operation that fits best; `undefined` when none does. */
  match(
    method: string,
    path: string,
    query: string,
    headers: Readonly<Record<string, unknown>>,
  ): RouteMatch | undefined {
    const segments = path.slice(1).split('/');
    const found = find(this.#root, segments, 0, method, []);
    if (!found) return undefined;
    const route = choose(found.routes, query, headers);
    return (
      route && { operation: route.operation, labels: new Map(route.labels.map((name, i) => [name, found.values[i]!])) }
    );
  }

  #add(method: string, uri: string, operation: string, input: StructureShape): void {
    const [path, query = ''] = uri.split('?') as [string, string?];
    const labels: string[] = [];
    let node = this.#root;
    let ends = node.ends;
    for (const segment of segmentsOf(path)) {
      const label = /^\{([^}+]+)(\+?)\}$/.exec(segment);
      if (label) labels.push(label[1]!);
      if (label?.[2]) {
        ends = node.greedy;
        continue;
      }
      node = label ? labelOf(node) : childOf(node, segment);
      ends = node.ends;
    }
    const required = input.members.filter(([name]) => input.required?.includes(name));
    const route: Route = {
      operation,
      labels,
      literals: [...parseForm(query)].map(([name, value]) => [name, value === '' ? undefined : value] as const),
      queries: required.flatMap(boundTo('query')),
      headers: required.flatMap(boundTo('header')).map((name) => name.toLowerCase()),
    };
    ends.set(method, [...(ends.get(method) ?? []), route]);
  }
}

function boundTo(place: 'query' | 'header'): (row: MemberRow) => string[] {
  return ([, , traits]) => (traits?.[place] === undefined ? [] : [traits[place]]);
}

function newNode(): Node {
  return { literals: new Map(), label: undefined, ends: new Map(), greedy: new Map() };
}

function labelOf(node: Node): Node {
  node.label ??= newNode();
  return node.label;
}

function childOf(node: Node, segment: string): Node {
  const child = node.literals.get(segment) ?? newNode();
  node.literals.set(segment, child);
  return child;
}

/** A slash at the end means nothing, but for a greedy label, whose value it belongs to. */
function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

interface Found {
  readonly routes: readonly Route[];
  readonly values: readonly string[];
}

/** Literals before labels, labels before greedy ones. */
function find(
  node: Node,
  segments: readonly string[],
  at: number,
  method: string,
  values: readonly string[],
): Found | undefined {
  const rest = segments.length - at;
  if (rest === 0 || (rest === 1 && segments[at] === '')) {
    const routes = node.ends.get(method);
    return routes && { routes, values };
  }
  const segment = segments[at]!;
  const literal = node.literals.get(segment);
  const byLiteral = literal && find(literal, segments, at + 1, method, values);
  if (byLiteral) return byLiteral;
  const byLabel =
    node.label && segment !== '' ? find(node.label, segments, at + 1, method, [...values, segment]) : undefined;
  if (byLabel) return byLabel;
  const routes = node.greedy.get(method);
  return routes && { routes, values: [...values, segments.slice(at).join('/')] };
}

function choose(
  routes: readonly Route[],
  query: string,
  headers: Readonly<Record<string, unknown>>,
): Route | undefined {
  if (routes.length === 1 && routes[0]!.literals.length === 0) return routes[0];
  const given = parseForm(query);
  let best: Route | undefined;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const route of routes) {
    const score = scoreOf(route, given, headers);
    if (score <= bestScore) continue;
    best = route;
    bestScore = score;
  }
  return best;
}

/** A literal that is missing rules a route out; what is required and there speaks for it, what is not there against it. */
function scoreOf(route: Route, given: ReadonlyMap<string, string>, headers: Readonly<Record<string, unknown>>): number {
  for (const [name, value] of route.literals) {
    if (!given.has(name) || (value !== undefined && given.get(name) !== value)) return Number.NEGATIVE_INFINITY;
  }
  const queries = route.queries.filter((name) => given.has(name)).length;
  const present = queries + route.headers.filter((name) => headers[name] !== undefined).length;
  const missing = route.queries.length + route.headers.length - present;
  return route.literals.length * 100 + present - missing * 10;
}
