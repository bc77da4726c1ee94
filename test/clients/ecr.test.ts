import { drive } from './drive.ts';
import { ecr } from './scenarios/ecr.ts';

drive(ecr);
