import { drive } from './drive.ts';
import { secretsmanager } from './scenarios/secretsmanager.ts';

drive(secretsmanager);
