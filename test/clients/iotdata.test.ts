import { drive } from './drive.ts';
import { iotdata } from './scenarios/iotdata.ts';

drive(iotdata);
