export { type EmbeddedSeriesOptions, openEmbeddedSeries } from './embedded/series.ts';
export * from './series.ts';
