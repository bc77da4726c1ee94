import { crashTests } from './suite.ts';

crashTests('tables');
