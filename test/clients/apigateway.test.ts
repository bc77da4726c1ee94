import { drive } from './drive.ts';
import { apigateway } from './scenarios/apigateway.ts';

drive(apigateway);
