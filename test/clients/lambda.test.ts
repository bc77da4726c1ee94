import { drive } from './drive.ts';
import { lambda } from './scenarios/lambda.ts';

drive(lambda);
