import type { Labels } from '../../telemetry/index.ts';

/** What tells one metric from another. */
export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Labels;
}

/** The identity of a metric as text: its parts in a fixed order. */
export function metricKey({ namespace, name, dimensions }: Metric): string {
  const pairs = Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, name, ...pairs]);
}

export interface WireDimension {
  readonly Name: string;
  readonly Value: string;
}

export function dimensionsOf(dimensions: readonly WireDimension[] = []): Labels {
  return Object.fromEntries(dimensions.map(({ Name, Value }) => [Name, Value]));
}

export function wireDimensions(dimensions: Labels): WireDimension[] {
  return Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
}
