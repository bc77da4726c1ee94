/** A shop, as CDK's guides build one: run by the CDK CLI, in a folder that has aws-cdk-lib. */
const { App, Stack, CfnOutput, RemovalPolicy, Duration } = require('aws-cdk-lib');
const { LambdaRestApi } = require('aws-cdk-lib/aws-apigateway');
const { HttpApi, HttpMethod } = require('aws-cdk-lib/aws-apigatewayv2');
const { HttpLambdaIntegration } = require('aws-cdk-lib/aws-apigatewayv2-integrations');
const { AttributeType, BillingMode, StreamViewType, Table } = require('aws-cdk-lib/aws-dynamodb');
const { Code, Function: Fn, Runtime, StartingPosition } = require('aws-cdk-lib/aws-lambda');
const { DynamoEventSource, SqsEventSource } = require('aws-cdk-lib/aws-lambda-event-sources');
const { BlockPublicAccess, Bucket, BucketEncryption } = require('aws-cdk-lib/aws-s3');
const { Topic } = require('aws-cdk-lib/aws-sns');
const { SqsSubscription } = require('aws-cdk-lib/aws-sns-subscriptions');
const { Queue } = require('aws-cdk-lib/aws-sqs');

const stack = new Stack(new App(), 'shop');
const table = new Table(stack, 'Orders', {
  partitionKey: { name: 'id', type: AttributeType.STRING },
  billingMode: BillingMode.PAY_PER_REQUEST,
  stream: StreamViewType.NEW_IMAGE,
  removalPolicy: RemovalPolicy.DESTROY,
});
const jobs = new Queue(stack, 'Jobs', {
  visibilityTimeout: Duration.seconds(60),
  deadLetterQueue: { queue: new Queue(stack, 'Dead'), maxReceiveCount: 3 },
});
new Topic(stack, 'Notes').addSubscription(new SqsSubscription(jobs));
const files = new Bucket(stack, 'Files', {
  removalPolicy: RemovalPolicy.DESTROY,
  autoDeleteObjects: true,
  versioned: true,
  encryption: BucketEncryption.S3_MANAGED,
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  enforceSSL: true,
});
const shop = new Fn(stack, 'Shop', {
  runtime: Runtime.NODEJS_24_X,
  handler: 'index.handler',
  code: Code.fromAsset('fn'),
  timeout: Duration.seconds(20),
  environment: { TABLE: table.tableName },
});
table.grantReadWriteData(shop);
files.grantReadWrite(shop);
shop.addEventSource(new SqsEventSource(jobs, { batchSize: 5, reportBatchItemFailures: true }));
shop.addEventSource(new DynamoEventSource(table, { startingPosition: StartingPosition.TRIM_HORIZON, batchSize: 10 }));
const http = new HttpApi(stack, 'Http', { corsPreflight: { allowOrigins: ['*'] } });
http.addRoutes({
  path: '/orders/{id}',
  methods: [HttpMethod.PUT],
  integration: new HttpLambdaIntegration('ToShop', shop),
});
new LambdaRestApi(stack, 'Rest', { handler: shop, deployOptions: { stageName: 'v1' }, cloudWatchRole: true });
new CfnOutput(stack, 'Function', { value: shop.functionName });
new CfnOutput(stack, 'Table', { value: table.tableName });
new CfnOutput(stack, 'Bucket', { value: files.bucketName });
new CfnOutput(stack, 'HttpId', { value: http.apiId });
