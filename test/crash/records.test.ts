import { crashTests } from './suite.ts';

crashTests('records');
