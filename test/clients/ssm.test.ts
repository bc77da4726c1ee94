import { drive } from './drive.ts';
import { ssm } from './scenarios/ssm.ts';

drive(ssm);
