import type { Labels, Metrics } from '../telemetry/index.ts';

const NONE: readonly number[] = [];

/**
 * Metrics by the values of their labels. Each is looked through once, so that a reading of a thousand functions costs a thousand
 * lines and not their square: to be made anew for each reading.
 */
export class MetricIndex {
  readonly #metrics: Pick<Metrics, 'read'>;
  readonly #known = new Map<string, ReadonlyMap<string, readonly number[]>>();

  constructor(metrics: Pick<Metrics, 'read'>) {
    this.#metrics = metrics;
  }

  /** Values of the lines that have these labels, whatever others they have. */
  values(name: string, labels: Labels): readonly number[] {
    const names = Object.keys(labels);
    const key = `${name} ${names}`;
    const index = this.#known.get(key) ?? this.#indexed(name, names);
    this.#known.set(key, index);
    // Of most metrics there is nothing: no key is made for that.
    return index.size === 0 ? NONE : (index.get(keyOf(labels, names)) ?? NONE);
  }

  #indexed(name: string, names: readonly string[]): ReadonlyMap<string, readonly number[]> {
    const index = new Map<string, number[]>();
    for (const { labels, value } of this.#metrics.read(name)) {
      const key = keyOf(labels, names);
      const found = index.get(key);
      if (found) found.push(value);
      else index.set(key, [value]);
    }
    return index;
  }
}

function keyOf(labels: Labels, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => labels[name]));
}
