import { crashTests } from './suite.ts';

crashTests('pollers');
