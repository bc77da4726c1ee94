import { crashTests } from './suite.ts';

crashTests('stacks');
