/** dynamodb: tables, their indexes and streams. */
export type { Dynamodb, DynamodbDependencies } from './dynamodb.ts';
export { DYNAMODB_ANSWERS, DynamodbError, type DynamodbErrorCode, invalid } from './errors.ts';
export { openDynamodb } from './lazy.ts';
export type { KinesisPort } from './streams/destinations.ts';
