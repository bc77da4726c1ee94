import { drive } from './drive.ts';
import { iot } from './scenarios/iot.ts';

drive(iot);
