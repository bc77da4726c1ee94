import { drive } from './drive.ts';
import { apigatewayv2 } from './scenarios/apigatewayv2.ts';

drive(apigatewayv2);
