/** Places the nodes of a flow: layers from left to right (or top to bottom), few crossings, everything centred. Pure. */

export interface LayoutNode {
  readonly id: string;
}

export interface LayoutEdge {
  readonly from: string;
  readonly to: string;
}

export interface Box {
  readonly id: string;
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly vertical: boolean;
  readonly card: { readonly width: number; readonly height: number };
  readonly boxes: readonly Box[];
  /** SVG path of each edge, in the order of the edges given. */
  readonly paths: readonly string[];
}

const CARD_HEIGHT = 106;
const CARD_WIDTH_MIN = 150;
const CARD_WIDTH_MAX = 220;
const ROW_GAP = 14;
const COLUMN_GAP_MIN = 34;
const COLUMN_GAP_MAX = 150;

/** Labels closer to each other than this, across and down, would cover one another. */
const LABEL_WIDTH = 70;
const LABEL_HEIGHT = 24;

/**
 * Where the label of each edge stands, in the order of the edges: in the middle of the gap before its target (above it, in a
 * vertical layout), those that would cover one another moved apart. `undefined` for an edge to nowhere.
 */
export function labelsOf(
  edges: readonly LayoutEdge[],
  { boxes, card, vertical }: Layout,
): readonly ({ readonly x: number; readonly y: number; readonly gap: number } | undefined)[] {
  const places = edges.map(({ from, to }) => {
    const a = boxes.find(({ id }) => id === from);
    const b = boxes.find(({ id }) => id === to);
    if (!a || !b) return undefined;
    if (vertical) return { x: b.x + card.width / 2, y: b.y - 8, gap: 0 };
    // Beyond the nearest gap other cards may be in the way.
    const gap = Math.min(Math.abs(b.x - a.x - card.width), COLUMN_GAP_MAX);
    return { x: b.x - gap / 2, y: (a.y + b.y + card.height) / 2, gap };
  });
  const placed: { x: number; y: number }[] = [];
  for (const place of places.filter((one) => one !== undefined).sort((a, b) => a.y - b.y || a.x - b.x)) {
    const covers = (one: { x: number; y: number }) =>
      Math.abs(one.x - place.x) < (vertical ? LABEL_HEIGHT : LABEL_WIDTH) && Math.abs(one.y - place.y) < LABEL_HEIGHT;
    for (let other = placed.find(covers); other; other = placed.find(covers)) {
      if (vertical) place.x = other.x + LABEL_HEIGHT;
      else place.y = other.y + LABEL_HEIGHT;
    }
    placed.push(place);
  }
  return places;
}

/** Lays out for a container of `width` pixels; vertical when the layers do not fit beside each other. */
export function layOut(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[], width: number): Layout {
  const layers = orderLayers(layersOf(nodes, edges), edges);
  const room = Math.floor((width - (layers.length - 1) * COLUMN_GAP_MIN) / Math.max(1, layers.length));
  if (room < CARD_WIDTH_MIN) return vertical(layers, edges, width);
  return horizontal(layers, edges, width, Math.min(room, CARD_WIDTH_MAX));
}

/** Longest distance from a source; edges that close a cycle are not followed. */
export function layersOf(nodes: readonly LayoutNode[], edges: readonly LayoutEdge[]): string[][] {
  const incoming = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
  for (const { from, to } of edges) if (incoming.has(from)) incoming.get(to)?.push(from);
  const depths = new Map<string, number>();
  const visit = (id: string, path: ReadonlySet<string>): number => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const before = incoming.get(id)!.filter((from) => !path.has(from));
    const depth = Math.max(-1, ...before.map((from) => visit(from, new Set(path).add(from)))) + 1;
    depths.set(id, depth);
    return depth;
  };
  const layers: string[][] = [];
  for (const { id } of nodes) {
    const depth = visit(id, new Set([id]));
    layers[depth] = [...(layers[depth] ?? []), id];
  }
  return layers.filter((layer) => layer !== undefined);
}

/** Sweeps forth and back, each layer in the order of the mean position of its neighbours. */
function orderLayers(layers: readonly (readonly string[])[], edges: readonly LayoutEdge[]): string[][] {
  let ordered = layers.map((layer) => [...layer]);
  for (let sweep = 0; sweep < 4; sweep++) {
    const position = new Map(
      ordered.flatMap((layer) => layer.map((id, index) => [id, index - (layer.length - 1) / 2])),
    );
    const mean = (id: string) => {
      const around = edges.flatMap(({ from, to }) => (from === id ? [to] : to === id ? [from] : []));
      const known = around.map((other) => position.get(other)).filter((value) => value !== undefined);
      return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : (position.get(id) ?? 0);
    };
    ordered = ordered.map((layer) =>
      layer
        .map((id, index) => ({ id, index, mean: mean(id) }))
        .sort((a, b) => a.mean - b.mean || a.index - b.index)
        .map(({ id }) => id),
    );
  }
  return ordered;
}

function horizontal(
  layers: readonly (readonly string[])[],
  edges: readonly LayoutEdge[],
  width: number,
  card: number,
): Layout {
  const count = layers.length;
  const gap = count > 1 ? Math.min(COLUMN_GAP_MAX, (width - count * card) / (count - 1)) : 0;
  const used = count * card + (count - 1) * gap;
  const tallest = Math.max(1, ...layers.map((layer) => layer.length));
  const height = tallest * CARD_HEIGHT + (tallest - 1) * ROW_GAP;
  const boxes = layers.flatMap((layer, column) => {
    const own = layer.length * CARD_HEIGHT + (layer.length - 1) * ROW_GAP;
    return layer.map((id, row) => ({
      id,
      x: (width - used) / 2 + column * (card + gap),
      y: (height - own) / 2 + row * (CARD_HEIGHT + ROW_GAP),
    }));
  });
  const size = { width: card, height: CARD_HEIGHT };
  return {
    width,
    height,
    vertical: false,
    card: size,
    boxes,
    paths: edges.map((edge) => pathOf(edge, boxes, size, false)),
  };
}

function vertical(layers: readonly (readonly string[])[], edges: readonly LayoutEdge[], width: number): Layout {
  const perRow = width >= 520 ? 3 : 2;
  const gap = 12;
  const card = Math.min(200, Math.floor((width - (perRow - 1) * gap) / perRow));
  const boxes: Box[] = [];
  let y = 0;
  for (const layer of layers) {
    for (let at = 0; at < layer.length; at += perRow) {
      const row = layer.slice(at, at + perRow);
      const own = row.length * card + (row.length - 1) * gap;
      row.forEach((id, index) => void boxes.push({ id, x: (width - own) / 2 + index * (card + gap), y }));
      y += CARD_HEIGHT + (at + perRow < layer.length ? gap : 0);
    }
    y += COLUMN_GAP_MIN;
  }
  const size = { width: card, height: CARD_HEIGHT };
  const height = Math.max(0, y - COLUMN_GAP_MIN);
  return {
    width,
    height,
    vertical: true,
    card: size,
    boxes,
    paths: edges.map((edge) => pathOf(edge, boxes, size, true)),
  };
}

function pathOf(
  { from, to }: LayoutEdge,
  boxes: readonly Box[],
  card: { readonly width: number; readonly height: number },
  isVertical: boolean,
): string {
  const a = boxes.find(({ id }) => id === from);
  const b = boxes.find(({ id }) => id === to);
  if (!a || !b) return '';
  const round = (value: number) => Math.round(value * 10) / 10;
  if (isVertical) {
    const [x1, y1, x2, y2] = [a.x + card.width / 2, a.y + card.height, b.x + card.width / 2, b.y].map(round);
    const bend = Math.max(18, Math.abs(y2! - y1!) / 2);
    return `M${x1} ${y1}C${x1} ${y1! + bend} ${x2} ${y2! - bend} ${x2} ${y2}`;
  }
  const [x1, y1, x2, y2] = [a.x + card.width, a.y + card.height / 2, b.x, b.y + card.height / 2].map(round);
  const bend = Math.max(24, Math.abs(x2! - x1!) / 2);
  return `M${x1} ${y1}C${x1! + bend} ${y1} ${x2! - bend} ${y2} ${x2} ${y2}`;
}
