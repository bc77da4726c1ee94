import { drive } from './drive.ts';
import { logs } from './scenarios/logs.ts';

drive(logs);
