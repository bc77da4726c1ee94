import { crashTests } from './suite.ts';

crashTests('dynamodb');
