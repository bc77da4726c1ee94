import { drive } from './drive.ts';
import { kinesis } from './scenarios/kinesis.ts';

drive(kinesis);
