import { crashTests } from './suite.ts';

crashTests('series');
