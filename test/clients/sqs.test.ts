import { drive } from './drive.ts';
import { sqs } from './scenarios/sqs.ts';

drive(sqs);
