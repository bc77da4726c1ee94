import { drive } from './drive.ts';
import { dynamodbstreams } from './scenarios/dynamodbstreams.ts';

drive(dynamodbstreams);
