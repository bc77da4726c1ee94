import { crashTests } from './suite.ts';

crashTests('log');
