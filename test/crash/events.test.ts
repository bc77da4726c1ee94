import { crashTests } from './suite.ts';

crashTests('events');
