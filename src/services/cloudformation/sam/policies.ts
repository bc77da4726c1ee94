// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub
import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';

/**
 * A SAM policy template: what its parameters allow on which resources.
 *
 * A resource is the part of an ARN after `arn:partition:`, with `${parameterName}` for the parameter `ParameterName`; one that
 * begins with `:` is the whole text, `=Name` is the parameter itself, and `*` is everything.
 *
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html
 */
interface PolicyTemplate {
  readonly parameters: readonly string[];
  readonly statements: readonly (readonly [
    actions: string | readonly string[],
    resource: string | readonly string[],
    /** Under `StringEquals`: the key, and what it must be. */
    condition?: readonly [key: string, resource: string],
  ])[];
}

const TEMPLATES: Readonly<Record<string, PolicyTemplate>> = {
  AWSSecretsManagerGetSecretValuePolicy: {
    parameters: ['SecretArn'],
    statements: [[['secretsmanager:GetSecretValue'], ':${secretArn}']],
  },
  AWSSecretsManagerRotationPolicy: {
    parameters: ['FunctionName'],
    statements: [
      [
        [
          'secretsmanager:DescribeSecret',
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:UpdateSecretVersionStage',
        ],
        'secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:*',
        [
          'secretsmanager:resource/AllowRotationLambdaArn',
          'lambda:${AWS::Region}:${AWS::AccountId}:function:${functionName}',
        ],
      ],
      [['secretsmanager:GetRandomPassword'], '*'],
    ],
  },
  CloudFormationDescribeStacksPolicy: {
    parameters: [],
    statements: [[['cloudformation:DescribeStacks'], 'cloudformation:${AWS::Region}:${AWS::AccountId}:stack/*']],
  },
  CloudWatchDashboardPolicy: {
    parameters: [],
    statements: [
      [
        ['cloudwatch:GetDashboard', 'cloudwatch:ListDashboards', 'cloudwatch:PutDashboard', 'cloudwatch:ListMetrics'],
        '*',
      ],
    ],
  },
  CloudWatchDescribeAlarmHistoryPolicy: { parameters: [], statements: [[['cloudwatch:DescribeAlarmHistory'], '*']] },
  CloudWatchPutMetricPolicy: { parameters: [], statements: [[['cloudwatch:PutMetricData'], '*']] },
  DynamoDBBackupFullAccessPolicy: {
    parameters: ['TableName'],
    statements: [
      [
        ['dynamodb:CreateBackup', 'dynamodb:DescribeContinuousBackups'],
        'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}',
      ],
      [
        ['dynamodb:DeleteBackup', 'dynamodb:DescribeBackup', 'dynamodb:ListBackups'],
        'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/backup/*',
      ],
    ],
  },
  DynamoDBCrudPolicy: {
    parameters: ['TableName'],
    statements: [
      [
        [
          'dynamodb:GetItem',
          'dynamodb:DeleteItem',
          'dynamodb:PutItem',
          'dynamodb:Scan',
          'dynamodb:Query',
          'dynamodb:UpdateItem',
          'dynamodb:BatchWriteItem',
          'dynamodb:BatchGetItem',
          'dynamodb:DescribeTable',
          'dynamodb:ConditionCheckItem',
        ],
        [
          'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}',
          'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/index/*',
        ],
      ],
    ],
  },
  DynamoDBReadPolicy: {
    parameters: ['TableName'],
    statements: [
      [
        ['dynamodb:GetItem', 'dynamodb:Scan', 'dynamodb:Query', 'dynamodb:BatchGetItem', 'dynamodb:DescribeTable'],
        [
          'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}',
          'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/index/*',
        ],
      ],
    ],
  },
  DynamoDBReconfigurePolicy: {
    parameters: ['TableName'],
    statements: [[['dynamodb:UpdateTable'], 'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}']],
  },
  DynamoDBRestoreFromBackupPolicy: {
    parameters: ['TableName'],
    statements: [
      [['dynamodb:RestoreTableFromBackup'], 'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/backup/*'],
      [
        [
          'dynamodb:PutItem',
          'dynamodb:UpdateItem',
          'dynamodb:DeleteItem',
          'dynamodb:GetItem',
          'dynamodb:Query',
          'dynamodb:Scan',
          'dynamodb:BatchWriteItem',
        ],
        'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}',
      ],
    ],
  },
  DynamoDBStreamReadPolicy: {
    parameters: ['StreamName', 'TableName'],
    statements: [
      [
        ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/stream/${streamName}',
      ],
      [['dynamodb:ListStreams'], 'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/stream/*'],
    ],
  },
  DynamoDBWritePolicy: {
    parameters: ['TableName'],
    statements: [
      [
        ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:BatchWriteItem'],
        [
          'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}',
          'dynamodb:${AWS::Region}:${AWS::AccountId}:table/${tableName}/index/*',
        ],
      ],
    ],
  },
  EventBridgePutEventsPolicy: {
    parameters: ['EventBusName'],
    statements: [['events:PutEvents', 'events:${AWS::Region}:${AWS::AccountId}:event-bus/${eventBusName}']],
  },
  FilterLogEventsPolicy: {
    parameters: ['LogGroupName'],
    statements: [
      [['logs:FilterLogEvents'], 'logs:${AWS::Region}:${AWS::AccountId}:log-group:${logGroupName}:log-stream:*'],
    ],
  },
  FirehoseCrudPolicy: {
    parameters: ['DeliveryStreamName'],
    statements: [
      [
        [
          'firehose:CreateDeliveryStream',
          'firehose:DeleteDeliveryStream',
          'firehose:DescribeDeliveryStream',
          'firehose:PutRecord',
          'firehose:PutRecordBatch',
          'firehose:UpdateDestination',
        ],
        'firehose:${AWS::Region}:${AWS::AccountId}:deliverystream/${deliveryStreamName}',
      ],
    ],
  },
  FirehoseWritePolicy: {
    parameters: ['DeliveryStreamName'],
    statements: [
      [
        ['firehose:PutRecord', 'firehose:PutRecordBatch'],
        'firehose:${AWS::Region}:${AWS::AccountId}:deliverystream/${deliveryStreamName}',
      ],
    ],
  },
  KMSDecryptPolicy: {
    parameters: ['KeyId'],
    statements: [['kms:Decrypt', 'kms:${AWS::Region}:${AWS::AccountId}:key/${keyId}']],
  },
  KMSEncryptPolicy: {
    parameters: ['KeyId'],
    statements: [['kms:Encrypt', 'kms:${AWS::Region}:${AWS::AccountId}:key/${keyId}']],
  },
  KMSEncryptPolicy_v2: {
    parameters: ['KeyId'],
    statements: [
      [
        [
          'kms:Encrypt',
          'kms:GenerateDataKey',
          'kms:GenerateDataKeyWithoutPlaintext',
          'kms:GenerateDataKeyPair',
          'kms:GenerateDataKeyPairWithoutPlaintext',
        ],
        'kms:${AWS::Region}:${AWS::AccountId}:key/${keyId}',
      ],
    ],
  },
  KinesisCrudPolicy: {
    parameters: ['StreamName'],
    statements: [
      [
        [
          'kinesis:AddTagsToStream',
          'kinesis:CreateStream',
          'kinesis:DecreaseStreamRetentionPeriod',
          'kinesis:DeleteStream',
          'kinesis:DescribeStream',
          'kinesis:DescribeStreamSummary',
          'kinesis:GetShardIterator',
          'kinesis:IncreaseStreamRetentionPeriod',
          'kinesis:ListTagsForStream',
          'kinesis:MergeShards',
          'kinesis:PutRecord',
          'kinesis:PutRecords',
          'kinesis:SplitShard',
          'kinesis:RemoveTagsFromStream',
        ],
        'kinesis:${AWS::Region}:${AWS::AccountId}:stream/${streamName}',
      ],
    ],
  },
  KinesisStreamReadPolicy: {
    parameters: ['StreamName'],
    statements: [
      [['kinesis:ListStreams', 'kinesis:DescribeLimits'], 'kinesis:${AWS::Region}:${AWS::AccountId}:stream/*'],
      [
        ['kinesis:DescribeStream', 'kinesis:DescribeStreamSummary', 'kinesis:GetRecords', 'kinesis:GetShardIterator'],
        'kinesis:${AWS::Region}:${AWS::AccountId}:stream/${streamName}',
      ],
    ],
  },
  LambdaInvokePolicy: {
    parameters: ['FunctionName'],
    statements: [[['lambda:InvokeFunction'], 'lambda:${AWS::Region}:${AWS::AccountId}:function:${functionName}*']],
  },
  S3CrudPolicy: {
    parameters: ['BucketName'],
    statements: [
      [
        [
          's3:GetObject',
          's3:ListBucket',
          's3:GetBucketLocation',
          's3:GetObjectVersion',
          's3:PutObject',
          's3:PutObjectAcl',
          's3:GetLifecycleConfiguration',
          's3:PutLifecycleConfiguration',
          's3:DeleteObject',
        ],
        ['s3:::${bucketName}', 's3:::${bucketName}/*'],
      ],
    ],
  },
  S3FullAccessPolicy: {
    parameters: ['BucketName'],
    statements: [
      [
        [
          's3:GetObject',
          's3:GetObjectAcl',
          's3:GetObjectVersion',
          's3:PutObject',
          's3:PutObjectAcl',
          's3:DeleteObject',
          's3:DeleteObjectTagging',
          's3:DeleteObjectVersionTagging',
          's3:GetObjectTagging',
          's3:GetObjectVersionTagging',
          's3:PutObjectTagging',
          's3:PutObjectVersionTagging',
        ],
        ['s3:::${bucketName}/*'],
      ],
      [
        ['s3:ListBucket', 's3:GetBucketLocation', 's3:GetLifecycleConfiguration', 's3:PutLifecycleConfiguration'],
        ['s3:::${bucketName}'],
      ],
    ],
  },
  S3ReadPolicy: {
    parameters: ['BucketName'],
    statements: [
      [
        [
          's3:GetObject',
          's3:ListBucket',
          's3:GetBucketLocation',
          's3:GetObjectVersion',
          's3:GetLifecycleConfiguration',
        ],
        ['s3:::${bucketName}', 's3:::${bucketName}/*'],
      ],
    ],
  },
  S3WritePolicy: {
    parameters: ['BucketName'],
    statements: [
      [
        ['s3:PutObject', 's3:PutObjectAcl', 's3:PutLifecycleConfiguration'],
        ['s3:::${bucketName}', 's3:::${bucketName}/*'],
      ],
    ],
  },
  SNSCrudPolicy: {
    parameters: ['TopicName'],
    statements: [
      [
        ['sns:ListSubscriptionsByTopic', 'sns:CreateTopic', 'sns:SetTopicAttributes', 'sns:Subscribe', 'sns:Publish'],
        'sns:${AWS::Region}:${AWS::AccountId}:${topicName}*',
      ],
    ],
  },
  SNSPublishMessagePolicy: {
    parameters: ['TopicName'],
    statements: [[['sns:Publish'], 'sns:${AWS::Region}:${AWS::AccountId}:${topicName}']],
  },
  SQSPollerPolicy: {
    parameters: ['QueueName'],
    statements: [
      [
        [
          'sqs:ChangeMessageVisibility',
          'sqs:ChangeMessageVisibilityBatch',
          'sqs:DeleteMessage',
          'sqs:DeleteMessageBatch',
          'sqs:GetQueueAttributes',
          'sqs:ReceiveMessage',
        ],
        'sqs:${AWS::Region}:${AWS::AccountId}:${queueName}',
      ],
    ],
  },
  SQSSendMessagePolicy: {
    parameters: ['QueueName'],
    statements: [[['sqs:SendMessage*'], 'sqs:${AWS::Region}:${AWS::AccountId}:${queueName}']],
  },
  SSMParameterReadPolicy: {
    parameters: ['ParameterName'],
    statements: [
      [['ssm:DescribeParameters'], '*'],
      [
        ['ssm:GetParameters', 'ssm:GetParameter', 'ssm:GetParametersByPath'],
        'ssm:${AWS::Region}:${AWS::AccountId}:parameter/${parameterName}',
      ],
    ],
  },
  SSMParameterWithSlashPrefixReadPolicy: {
    parameters: ['ParameterName'],
    statements: [
      [['ssm:DescribeParameters'], '*'],
      [
        ['ssm:GetParameters', 'ssm:GetParameter', 'ssm:GetParametersByPath'],
        'ssm:${AWS::Region}:${AWS::AccountId}:parameter${parameterName}',
      ],
    ],
  },
  StepFunctionsCallbackPolicy: {
    parameters: ['StateMachineName'],
    statements: [
      [
        ['states:SendTaskFailure', 'states:SendTaskHeartbeat', 'states:SendTaskSuccess'],
        'states:${AWS::Region}:${AWS::AccountId}:stateMachine:${stateMachineName}',
      ],
    ],
  },
  StepFunctionsExecutionPolicy: {
    parameters: ['StateMachineName'],
    statements: [
      [['states:StartExecution'], 'states:${AWS::Region}:${AWS::AccountId}:stateMachine:${stateMachineName}'],
    ],
  },
  StepFunctionsExecutionPolicy_v2: {
    parameters: ['StateMachineName'],
    statements: [
      [
        ['states:StartExecution', 'states:StartSyncExecution'],
        'states:${AWS::Region}:${AWS::AccountId}:stateMachine:${stateMachineName}',
      ],
    ],
  },
};

/** Names of the templates that are known. */
export const POLICY_TEMPLATES: readonly string[] = Object.keys(TEMPLATES);

/** Whether an entry of `Policies` is a template: one member, whose name is a template's. */
export function isPolicyTemplate(policy: Json): policy is JsonObject {
  if (!isObject(policy)) return false;
  const keys = Object.keys(policy);
  return keys.length === 1 && Object.hasOwn(TEMPLATES, keys[0]!);
}

/** The policy document that a template and its parameters make. @throws validation missing or unknown parameters */
export function expandPolicyTemplate(policy: JsonObject, functionId: string): JsonObject {
  const [name, given] = Object.entries(policy)[0]!;
  const { parameters, statements } = TEMPLATES[name]!;
  const values = isObject(given) ? given : {};
  const missing = parameters.filter((parameter) => !Object.hasOwn(values, parameter));
  if (missing.length) {
    throw invalid(
      `Resource with id [${functionId}] is invalid. Following required parameters of policy template '${name}' don't have values: [${missing.map((one) => `'${one}'`).join(', ')}]`,
    );
  }
  return {
    Statement: statements.map(([Action, resource, condition]) => ({
      Action,
      Effect: 'Allow',
      Resource: expandResources(resource, values),
      ...(condition && { Condition: { StringEquals: { [condition[0]]: expandResource(condition[1], values) } } }),
    })),
  };
}

function expandResources(resource: string | readonly string[], values: JsonObject): Json {
  return typeof resource === 'string'
    ? expandResource(resource, values)
    : resource.map((one) => expandResource(one, values));
}

function expandResource(resource: string, values: JsonObject): Json {
  if (resource === '*') return resource;
  if (resource.startsWith('=')) return values[resource.slice(1)]!;
  const text = resource.startsWith(':') ? resource.slice(1) : `arn:\${AWS::Partition}:${resource}`;
  const used = [...text.matchAll(/\$\{([a-z]\w*)\}/g)].map(([, name]) => name!);
  if (used.length === 0) return { 'Fn::Sub': text };
  return { 'Fn::Sub': [text, Object.fromEntries(used.map((name) => [name, values[capitalized(name)]!]))] };
}

const capitalized = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
