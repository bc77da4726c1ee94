// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of Fn::Sub
import { invalid } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';
import { lambdaUri, objectOf } from './api-parts.ts';
import type { ApiKind, TemplateApis } from './apis.ts';
import type { TemplateBuckets } from './buckets.ts';
import { allow, type ExecutionRole, type InlinePolicy } from './role.ts';

/** What an event of a function is turned into resources with. */
export interface EventContext {
  /** Logical id of the event's main resource: the function's and the event's name together. */
  readonly id: string;
  readonly properties: JsonObject;
  /** `Ref` of the function, or of its alias where it has one. */
  readonly functionRef: Json;
  /** The function's ARN, or its alias. */
  readonly functionArn: Json;
  /** Attributes that every resource of the function carries: `Condition`, `DeletionPolicy` ... */
  readonly attributes: JsonObject;
  readonly role: ExecutionRole;
  readonly apis: TemplateApis;
  readonly buckets: TemplateBuckets;
}

type Resources = Record<string, JsonObject>;

interface EventType {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  expand(context: EventContext): Resources;
}

/** Settings of an event source mapping that events pass on as they are. */
const MAPPING_SETTINGS = [
  'StartingPosition',
  'StartingPositionTimestamp',
  'BatchSize',
  'Enabled',
  'MaximumBatchingWindowInSeconds',
  'MaximumRetryAttempts',
  'BisectBatchOnFunctionError',
  'MaximumRecordAgeInSeconds',
  'ParallelizationFactor',
  'TumblingWindowInSeconds',
  'FunctionResponseTypes',
  'FilterCriteria',
  'KmsKeyArn',
  'ScalingConfig',
  'ProvisionedPollerConfig',
  'MetricsConfig',
  'LoggingConfig',
  'DestinationConfig',
];

/** The table of events: what a function may be called by. */
export const EVENT_TYPES: Readonly<Record<string, EventType>> = {
  Kinesis: pull('Stream', ['StartingPosition'], 'AWSLambdaKinesisExecutionRole'),
  DynamoDB: pull('Stream', ['StartingPosition'], 'AWSLambdaDynamoDBExecutionRole'),
  SQS: pull('Queue', [], 'AWSLambdaSQSQueueExecutionRole'),
  SNS: {
    required: ['Topic'],
    optional: ['Region', 'FilterPolicy', 'FilterPolicyScope', 'SqsSubscription', 'RedrivePolicy'],
    expand: expandSns,
  },
  Api: {
    required: ['Path', 'Method'],
    optional: ['RestApiId', 'Auth', 'RequestModel', 'RequestParameters', 'TimeoutInMillis'],
    expand: (context) => expandApi(context, 'Api', context.properties.RestApiId),
  },
  HttpApi: {
    required: [],
    optional: ['ApiId', 'Path', 'Method', 'Auth', 'TimeoutInMillis', 'PayloadFormatVersion', 'RouteSettings'],
    expand: (context) => expandApi(context, 'HttpApi', context.properties.ApiId),
  },
  S3: { required: ['Bucket', 'Events'], optional: ['Filter'], expand: expandS3 },
  IoTRule: { required: ['Sql'], optional: ['AwsIotSqlVersion'], expand: expandIotRule },
  CloudWatchLogs: { required: ['LogGroupName', 'FilterPattern'], optional: [], expand: expandLogs },
};

/**
 * The resources of one event of a function.
 *
 * @throws validation  a type that is not built, a missing or an unknown property
 */
export function expandEvent(
  functionId: string,
  name: string,
  event: Json,
  context: Omit<EventContext, 'id' | 'properties'>,
): Resources {
  const fail = (message: string) =>
    invalid(`Resource with id [${functionId}] is invalid. Event with id [${functionId}${name}] is invalid. ${message}`);
  if (!isObject(event) || typeof event.Type !== 'string') throw fail("Event must have a 'Type'.");
  const type = EVENT_TYPES[event.Type];
  if (!type) {
    throw fail(
      `Events of type ${event.Type} are not built in Millrace; built are ${Object.keys(EVENT_TYPES).join(', ')}.`,
    );
  }
  const properties = event.Properties ?? {};
  if (!isObject(properties)) throw fail("'Properties' must be a map.");
  const missing = type.required.find((property) => properties[property] === undefined);
  if (missing) throw fail(`Missing required property '${missing}'.`);
  const known = [...type.required, ...type.optional];
  const unknown = Object.keys(properties).find((property) => !known.includes(property));
  if (unknown) throw fail(`property ${unknown} not defined for resource of type ${event.Type}`);
  return type.expand({ ...context, id: `${functionId}${name}`, properties });
}

function pull(source: string, required: readonly string[], policy: string): EventType {
  return {
    required: [source, ...required],
    optional: MAPPING_SETTINGS.filter((setting) => !required.includes(setting)),
    expand: ({ id, properties, functionRef, attributes, role }) => {
      role.addManaged(policy);
      const settings: Record<string, Json> = Object.fromEntries(
        MAPPING_SETTINGS.filter((name) => properties[name] !== undefined).map((name) => [name, properties[name]!]),
      );
      if (settings.DestinationConfig !== undefined) {
        settings.DestinationConfig = destination(id, settings.DestinationConfig, role);
      }
      return {
        [id]: {
          Type: 'AWS::Lambda::EventSourceMapping',
          ...attributes,
          Properties: { EventSourceArn: properties[source]!, FunctionName: functionRef, ...settings },
        },
      };
    },
  };
}

/** `Type` in `OnFailure` is SAM's own: it says which right the role needs. */
function destination(id: string, config: Json, role: ExecutionRole): Json {
  const onFailure = isObject(config) ? config.OnFailure : undefined;
  if (!isObject(config) || !isObject(onFailure)) return config;
  const { Type: type, ...rest } = onFailure;
  const arn = rest.Destination ?? null;
  if (type === 'SQS') role.addInline(allow(`${id}SQSPolicy`, 'sqs:SendMessage', arn));
  else if (type === 'SNS') role.addInline(allow(`${id}SNSPolicy`, 'sns:publish', arn));
  else if (type === 'S3') role.addInline(putIntoBucket(id, arn));
  else if (type !== undefined) {
    throw invalid(`Event with id [${id}] is invalid. The only valid values for 'Type' are 'SQS', 'SNS', and 'S3'`);
  }
  return { ...config, OnFailure: rest };
}

function putIntoBucket(id: string, arn: Json): InlinePolicy {
  const statement = (Action: string, Resource: Json) => ({ Action, Effect: 'Allow', Resource });
  const objects = { 'Fn::Join': ['/', [arn, '*']] };
  const Statement = [statement('s3:PutObject', objects), statement('s3:ListBucket', arn)];
  return { PolicyName: `${id}S3Policy`, PolicyDocument: { Statement } };
}

/** Lets `principal` call the function for `sourceArn`. */
function permission(context: EventContext, principal: string, source: JsonObject): Resources {
  return {
    [`${context.id}Permission`]: {
      Type: 'AWS::Lambda::Permission',
      ...context.attributes,
      Properties: {
        Action: 'lambda:InvokeFunction',
        FunctionName: context.functionRef,
        Principal: principal,
        ...source,
      },
    },
  };
}

/** A route of an API, which calls the function. */
function expandApi(context: EventContext, kind: ApiKind, named: Json | undefined): Resources {
  const { id, properties, attributes, functionArn } = context;
  const { Path, Method } = properties;
  if (kind === 'HttpApi' && (Path === undefined) !== (Method === undefined)) {
    const given = Path === undefined ? 'Method' : 'Path';
    throw invalid(
      `Event with id [${id}] is invalid. If '${given}' is provided, both 'Path' and 'Method' are required.`,
    );
  }
  const path = Path === undefined ? '$default' : String(Path);
  if (path !== '$default' && !path.startsWith('/')) {
    throw invalid(`Event with id [${id}] is invalid. Property 'Path' must start with '/'.`);
  }
  const method = String(Method ?? 'any').toLowerCase();
  const route = { path, method, uri: lambdaUri(functionArn), event: properties, condition: attributes.Condition };
  const api = context.apis.add(kind, named, { ...route, functionId: id });
  const stage = objectOf(context.apis.propertiesOf(kind, named)).StageName;
  return {
    [`${id}Permission${kind === 'Api' ? suffixOf(stage) : ''}`]: {
      Type: 'AWS::Lambda::Permission',
      ...attributes,
      Properties: {
        Action: 'lambda:InvokeFunction',
        FunctionName: context.functionRef,
        Principal: 'apigateway.amazonaws.com',
        SourceArn: { 'Fn::Sub': [callArn(path, method), { __ApiId__: api, __Stage__: '*' }] },
      },
    },
  };
}

/** Of REST APIs the permission is named for the stage, as far as its name is known. */
function suffixOf(stage: Json | undefined): string {
  if (stage === undefined) return 'Prod';
  return typeof stage === 'string' ? stage.replace(/[^A-Za-z0-9]/g, '') : 'Stage';
}

/** What calls: variables of the path stand for any text. */
function callArn(path: string, method: string): string {
  const start = 'arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}/';
  if (path === '$default') return `${start}*`;
  return `${start}${method === 'any' ? '*' : method.toUpperCase()}${path.replace(/\{[^}]*\}/g, '*')}`;
}

function expandIotRule(context: EventContext): Resources {
  const { id, properties, functionArn, attributes } = context;
  const SourceArn = {
    'Fn::Sub': ['arn:aws:iot:${AWS::Region}:${AWS::AccountId}:rule/${RuleName}', { RuleName: { Ref: id } }],
  };
  return {
    ...permission(context, 'iot.amazonaws.com', { SourceAccount: { 'Fn::Sub': '${AWS::AccountId}' }, SourceArn }),
    [id]: {
      Type: 'AWS::IoT::TopicRule',
      ...attributes,
      Properties: {
        TopicRulePayload: {
          Sql: properties.Sql!,
          RuleDisabled: false,
          Actions: [{ Lambda: { FunctionArn: functionArn } }],
          ...(properties.AwsIotSqlVersion && { AwsIotSqlVersion: properties.AwsIotSqlVersion }),
        },
      },
    },
  };
}

/** The filter is put once the function lets it in: it is asked then. */
function expandLogs(context: EventContext): Resources {
  const { id, properties, functionArn, attributes } = context;
  const { LogGroupName, FilterPattern } = properties;
  const SourceArn = {
    'Fn::Sub': [
      'arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:${__LogGroupName__}:*',
      { __LogGroupName__: LogGroupName! },
    ],
  };
  return {
    ...permission(context, 'logs.amazonaws.com', { SourceArn }),
    [id]: {
      Type: 'AWS::Logs::SubscriptionFilter',
      ...attributes,
      DependsOn: [`${id}Permission`],
      Properties: { DestinationArn: functionArn, FilterPattern: FilterPattern!, LogGroupName: LogGroupName! },
    },
  };
}

/** Events of a bucket of the same template: what sends them is a property of the bucket itself. */
function expandS3(context: EventContext): Resources {
  const { id, properties, functionArn, attributes, buckets } = context;
  const { Bucket, Events, Filter } = properties;
  const events = Array.isArray(Events) ? Events : [Events!];
  const configurations = events.map((Event) => ({
    Event,
    ...(Filter !== undefined && { Filter }),
    Function: functionArn,
  }));
  const condition = typeof attributes.Condition === 'string' ? attributes.Condition : undefined;
  if (!buckets.notify(Bucket!, configurations, `${id}Permission`, condition)) {
    throw invalid(`Event with id [${id}] is invalid. S3 events must reference an S3 bucket in the same template.`);
  }
  return permission(context, 's3.amazonaws.com', { SourceAccount: { Ref: 'AWS::AccountId' } });
}

function expandSns(context: EventContext): Resources {
  const { properties, functionArn } = context;
  const topic = properties.Topic!;
  const through = properties.SqsSubscription;
  if (through === undefined || through === false) {
    return {
      ...permission(context, 'sns.amazonaws.com', { SourceArn: topic }),
      ...subscription(context, 'lambda', functionArn),
    };
  }
  if (isObject(through)) return throughQueue(context, through);
  const queueId = `${context.id}Queue`;
  return {
    [queueId]: { Type: 'AWS::SQS::Queue', ...context.attributes, Properties: {} },
    ...throughQueue(context, { QueueArn: { 'Fn::GetAtt': [queueId, 'Arn'] }, QueueUrl: { Ref: queueId } }),
  };
}

function subscription(context: EventContext, protocol: string, endpoint: Json): Resources {
  const { Topic, SqsSubscription: _own, ...settings } = context.properties;
  return {
    [context.id]: {
      Type: 'AWS::SNS::Subscription',
      ...context.attributes,
      Properties: { Endpoint: endpoint, Protocol: protocol, TopicArn: Topic!, ...settings },
    },
  };
}

/** SNS to a queue, and the queue to the function. */
function throughQueue(context: EventContext, queue: JsonObject): Resources {
  const { id, attributes, functionRef, properties, role } = context;
  const { QueueArn: arn, QueueUrl: url, QueuePolicyLogicalId: policyId, BatchSize: batchSize } = queue;
  if (arn === undefined || url === undefined) {
    throw invalid(`Event with id [${id}] is invalid. No QueueARN or QueueURL provided.`);
  }
  role.addManaged('AWSLambdaSQSQueueExecutionRole');
  const statement = {
    Action: 'sqs:SendMessage',
    Effect: 'Allow',
    Principal: '*',
    Resource: arn,
    Condition: { ArnEquals: { 'aws:SourceArn': properties.Topic! } },
  };
  return {
    ...subscription(context, 'sqs', arn),
    [typeof policyId === 'string' ? policyId : `${id}QueuePolicy`]: {
      Type: 'AWS::SQS::QueuePolicy',
      ...attributes,
      Properties: { PolicyDocument: { Version: '2012-10-17', Statement: [statement] }, Queues: [url] },
    },
    [`${id}EventSourceMapping`]: {
      Type: 'AWS::Lambda::EventSourceMapping',
      ...attributes,
      Properties: { BatchSize: batchSize ?? 10, Enabled: true, EventSourceArn: arn, FunctionName: functionRef },
    },
  };
}
