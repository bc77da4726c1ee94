import { crashTests } from './suite.ts';

crashTests('sns');
