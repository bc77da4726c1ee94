import { drive } from './drive.ts';
import { cloudformation } from './scenarios/cloudformation.ts';

drive(cloudformation);
