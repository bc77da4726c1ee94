import { crashTests } from './suite.ts';

crashTests('delivery');
