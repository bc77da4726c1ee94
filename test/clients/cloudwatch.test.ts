import { drive } from './drive.ts';
import { cloudwatch } from './scenarios/cloudwatch.ts';

drive(cloudwatch);
