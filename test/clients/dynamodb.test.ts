import { drive } from './drive.ts';
import { dynamodb } from './scenarios/dynamodb.ts';

drive(dynamodb);
