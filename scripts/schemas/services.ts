/** Where the shapes of a service come from: table name, npm client, folder of botocore's model. */
export const SOURCES: readonly (readonly [table: string, client: string, botocore: string])[] = [
  ['apigateway', 'client-api-gateway', 'apigateway'],
  ['apigatewaymanagementapi', 'client-apigatewaymanagementapi', 'apigatewaymanagementapi'],
  ['apigatewayv2', 'client-apigatewayv2', 'apigatewayv2'],
  ['cloudformation', 'client-cloudformation', 'cloudformation'],
  ['cloudwatch', 'client-cloudwatch', 'cloudwatch'],
  ['dynamodb', 'client-dynamodb', 'dynamodb'],
  ['dynamodbstreams', 'client-dynamodb-streams', 'dynamodbstreams'],
  ['ecr', 'client-ecr', 'ecr'],
  ['events', 'client-eventbridge', 'events'],
  ['iam', 'client-iam', 'iam'],
  ['iot', 'client-iot', 'iot'],
  ['iotdata', 'client-iot-data-plane', 'iot-data'],
  ['kinesis', 'client-kinesis', 'kinesis'],
  ['lambda', 'client-lambda', 'lambda'],
  ['logs', 'client-cloudwatch-logs', 'logs'],
  ['s3', 'client-s3', 's3'],
  ['scheduler', 'client-scheduler', 'scheduler'],
  ['secretsmanager', 'client-secrets-manager', 'secretsmanager'],
  ['sns', 'client-sns', 'sns'],
  ['sqs', 'client-sqs', 'sqs'],
  ['ssm', 'client-ssm', 'ssm'],
  ['states', 'client-sfn', 'stepfunctions'],
  ['sts', 'client-sts', 'sts'],
];

/**
 * Enumerations of the models that the services do not hold callers to: SQS takes names of message attributes in ReceiveMessage's
 * `AttributeNames`, whose shape lists those of queues, and answers an unknown name with an error of its own.
 */
export const OPEN_ENUMS: Readonly<Record<string, readonly string[]>> = {
  sqs: ['QueueAttributeName', 'MessageSystemAttributeName', 'MessageSystemAttributeNameForSends'],
};
