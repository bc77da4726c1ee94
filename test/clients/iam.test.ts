import { drive } from './drive.ts';
import { iam } from './scenarios/iam.ts';

drive(iam);
