/** store: four ports: log, records, series, objects. Engines stand behind them in embedded/ and cluster/. */

export * from './lock.ts';
export * from './log/index.ts';
export * from './objects/index.ts';
export * from './records/index.ts';
export * from './sealed/index.ts';
export * from './series/index.ts';
