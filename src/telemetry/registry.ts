import type { Counter, Datum, Gauge, Histogram, Labels, Meter, Metrics } from './metrics.ts';

type Kind = 'counter' | 'gauge' | 'histogram';

interface Family {
  readonly kind: Kind;
  readonly help: string;
  readonly lines: Map<string, LabelledLine>;
}

interface Line {
  /** Absent where one number does not tell it. */
  readonly value?: number;
  render(name: string, labels: string): string;
}

interface LabelledLine {
  readonly labels: Labels;
  readonly line: Line;
}

/** Upper bounds of the histogram buckets: 1-2-5 from 1 µs (in seconds) to 100 s, and on to 1e6 for counts and sizes. */
const BOUNDS = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5].flatMap((power) =>
  [1, 2, 5].map((digit) => Number(`${digit}e${power}`)),
);

class CounterLine implements Counter, Line {
  value = 0;
  add(value = 1): void {
    this.value += value;
  }
  render(name: string, labels: string): string {
    return `${name}${labels} ${this.value}\n`;
  }
}

class GaugeLine implements Gauge, Line {
  value = 0;
  set(value: number): void {
    this.value = value;
  }
  render(name: string, labels: string): string {
    return `${name}${labels} ${this.value}\n`;
  }
}

class HistogramLine implements Histogram, Line {
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  #sum = 0;
  #count = 0;

  observe(value: number): void {
    this.#counts[bucketOf(value)]!++;
    this.#sum += value;
    this.#count++;
  }

  quantile(q: number): number {
    let rest = q * this.#count;
    for (let i = 0; i < this.#counts.length; i++) {
      const inBucket = this.#counts[i]!;
      if (inBucket > 0 && rest <= inBucket) {
        const lower = i === 0 ? 0 : BOUNDS[i - 1]!;
        const upper = BOUNDS[Math.min(i, BOUNDS.length - 1)]!;
        return lower + (upper - lower) * (rest / inBucket);
      }
      rest -= inBucket;
    }
    return 0;
  }

  render(name: string, labels: string): string {
    const inner = labels.slice(1, -1);
    const prefix = inner ? `${inner},` : '';
    let total = 0;
    let text = '';
    for (let i = 0; i < BOUNDS.length; i++) {
      total += this.#counts[i]!;
      text += `${name}_bucket{${prefix}le="${BOUNDS[i]}"} ${total}\n`;
    }
    text += `${name}_bucket{${prefix}le="+Inf"} ${this.#count}\n`;
    return `${text}${name}_sum${labels} ${this.#sum}\n${name}_count${labels} ${this.#count}\n`;
  }
}

/** Tells the listeners of one line, each time by the same object. */
class DatumMeter implements Meter {
  readonly #datum: { -readonly [Member in keyof Datum]: Datum[Member] };
  readonly #listeners: ReadonlySet<(datum: Datum) => void>;

  constructor(line: Omit<Datum, 'value' | 'metered'>, listeners: ReadonlySet<(datum: Datum) => void>) {
    this.#datum = { ...line, value: 0, metered: true };
    this.#listeners = listeners;
  }

  put(value: number): void {
    this.#datum.value = value;
    for (const listener of this.#listeners) listener(this.#datum);
  }
}

/** Binary search: first bound not below `value`. */
function bucketOf(value: number): number {
  let low = 0;
  let high = BOUNDS.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (BOUNDS[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Makes an empty registry; a node has one. Asking twice for the same name and labels gives the same instrument. */
export function createMetrics(): Metrics {
  const families = new Map<string, Family>();
  const listeners = new Set<(datum: Datum) => void>();
  const fills: (() => void)[] = [];

  function line<T extends Line>(kind: Kind, name: string, help: string, labels: Labels, make: () => T): T {
    const family = families.get(name) ?? { kind, help, lines: new Map<string, LabelledLine>() };
    families.set(name, family);
    if (family.kind !== kind) throw new Error(`metric ${name} is a ${family.kind}, not a ${kind}`);
    const key = renderLabels(labels);
    const found = family.lines.get(key) ?? { labels, line: make() };
    family.lines.set(key, found);
    return found.line as T;
  }

  return {
    counter: (name, help, labels = {}) => line('counter', name, help, labels, () => new CounterLine()),
    gauge: (name, help, labels = {}) => line('gauge', name, help, labels, () => new GaugeLine()),
    histogram: (name, help, labels = {}) => line('histogram', name, help, labels, () => new HistogramLine()),
    put: (datum) => {
      for (const listener of listeners) listener(datum);
    },
    meter: (line) => new DatumMeter(line, listeners),
    onDatum: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    read: (name) =>
      [...(families.get(name)?.lines.values() ?? [])].flatMap(({ labels, line: { value } }) =>
        value === undefined ? [] : [{ labels, value }],
      ),
    onRender: (fill) => {
      fills.push(fill);
    },
    render: () => {
      for (const fill of fills) fill();
      let text = '';
      for (const [name, { kind, help, lines }] of families) {
        text += `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
        for (const [labels, { line: one }] of lines) text += one.render(name, labels);
      }
      return text;
    },
  };
}

function renderLabels(labels: Labels): string {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`);
  return parts.length ? `{${parts.join(',')}}` : '';
}
