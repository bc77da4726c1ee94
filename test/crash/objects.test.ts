import { crashTests } from './suite.ts';

crashTests('objects');
