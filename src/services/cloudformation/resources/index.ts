import { API_GATEWAY_TYPES } from './apigateway/index.ts';
import { API_GATEWAY_V2_TYPES } from './apigatewayv2.ts';
import { CDK_TYPES } from './cdk.ts';
import { CLOUDWATCH_TYPES } from './cloudwatch.ts';
import { customResource, isCustomType } from './custom.ts';
import { DYNAMODB_TYPES } from './dynamodb.ts';
import { DYNAMODB_GLOBAL_TYPES } from './dynamodb-global.ts';
import { ECR_TYPES } from './ecr.ts';
import { EVENT_SOURCE_MAPPING_TYPES } from './event-source-mapping.ts';
import { FUNCTION_URL_TYPES } from './function-url.ts';
import { IAM_TYPES } from './iam.ts';
import { IAM_IDENTITY_TYPES } from './iam-identities.ts';
import { IAM_ROLE_TYPES } from './iam-roles.ts';
import { IOT_TYPES } from './iot.ts';
import { IOT_ACCESS_TYPES } from './iot-access.ts';
import { IOT_IDENTITY_TYPES } from './iot-identities.ts';
import { IOT_THING_TYPES } from './iot-things.ts';
import { KINESIS_TYPES } from './kinesis.ts';
import { LAMBDA_TYPES } from './lambda.ts';
import { LOGS_TYPES } from './logs.ts';
import { NESTED_STACK_TYPES } from './nested-stack.ts';
import type { ResourceType } from './resource-type.ts';
import { S3_TYPES } from './s3.ts';
import { SECRETS_MANAGER_TYPES } from './secretsmanager.ts';
import { SNS_TYPES } from './sns.ts';
import { SQS_TYPES } from './sqs.ts';
import { SSM_TYPES } from './ssm.ts';
import { WAIT_CONDITION_TYPES } from './wait-condition.ts';

/** The table of types: what a template may contain. */
export const RESOURCE_TYPES: Readonly<Record<string, ResourceType>> = {
  ...API_GATEWAY_TYPES,
  ...API_GATEWAY_V2_TYPES,
  ...CDK_TYPES,
  ...CLOUDWATCH_TYPES,
  ...DYNAMODB_TYPES,
  ...DYNAMODB_GLOBAL_TYPES,
  ...ECR_TYPES,
  ...EVENT_SOURCE_MAPPING_TYPES,
  ...FUNCTION_URL_TYPES,
  ...IAM_TYPES,
  ...IAM_IDENTITY_TYPES,
  ...IAM_ROLE_TYPES,
  ...IOT_TYPES,
  ...IOT_THING_TYPES,
  ...IOT_ACCESS_TYPES,
  ...IOT_IDENTITY_TYPES,
  ...KINESIS_TYPES,
  ...LAMBDA_TYPES,
  ...LOGS_TYPES,
  ...NESTED_STACK_TYPES,
  ...S3_TYPES,
  ...SECRETS_MANAGER_TYPES,
  ...SNS_TYPES,
  ...SQS_TYPES,
  ...SSM_TYPES,
  ...WAIT_CONDITION_TYPES,
};

/** The row of a type; `undefined` for one that a template may not contain. */
export function resourceType(name: string): ResourceType | undefined {
  if (Object.hasOwn(RESOURCE_TYPES, name)) return RESOURCE_TYPES[name];
  return isCustomType(name) ? customResource : undefined;
}

/** Types whose making asks for `CAPABILITY_IAM`. */
export const IAM_RESOURCE_TYPES: ReadonlySet<string> = new Set([
  ...Object.keys(IAM_TYPES),
  ...Object.keys(IAM_IDENTITY_TYPES),
  'AWS::IAM::InstanceProfile',
]);
