import { crashTests } from './suite.ts';

await crashTests('secrets');
