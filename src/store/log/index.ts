export * from './embedded/index.ts';
export * from './log.ts';
