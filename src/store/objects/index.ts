export { type EmbeddedObjectsOptions, openEmbeddedObjects } from './embedded/objects.ts';
export * from './objects.ts';
