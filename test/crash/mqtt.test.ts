import { crashTests } from './suite.ts';

crashTests('mqtt');
