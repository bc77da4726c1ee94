import { drive } from './drive.ts';
import { sts } from './scenarios/sts.ts';

drive(sts);
