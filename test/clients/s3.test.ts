import { drive } from './drive.ts';
import { s3 } from './scenarios/s3.ts';

drive(s3);
