import { crashTests } from './suite.ts';

crashTests('secrets');
