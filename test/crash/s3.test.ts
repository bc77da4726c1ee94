import { crashTests } from './suite.ts';

await crashTests('s3');
