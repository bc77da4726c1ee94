import { crashTests } from './suite.ts';

await crashTests('mqtt');
