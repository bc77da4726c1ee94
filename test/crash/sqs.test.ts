import { crashTests } from './suite.ts';

crashTests('sqs');
