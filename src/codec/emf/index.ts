export { EMF_LIMITS, type EmbeddedMetric, type EmfReading, readEmf } from './emf.ts';
