import { crashTests } from './suite.ts';

crashTests('s3');
