/** One resource of each type that can be imported, as a template: what is made by it is there to be imported. */
export interface Declared {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string | readonly string[];
  readonly Properties?: object;
}

const ref = (Ref: string) => ({ Ref });
const get = (id: string, attribute: string) => ({ 'Fn::GetAtt': [id, attribute] });
const allow = (Action: string, more: object = {}) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource: '*', ...more }],
});
const EVERYONE = { Principal: { AWS: '*' } };
const trust = (Service: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service } }],
});

/** What the template takes from outside. */
export interface Given {
  /** PEM: an authority, the certificate that shows who has it, and a request for one. */
  readonly authority: string;
  readonly verification: string;
  readonly request: string;
  /** Where an archive is. */
  readonly layer: { readonly S3Bucket: string; readonly S3Key: string };
}

export function importableResources(given: Given): Readonly<Record<string, Declared>> {
  const code = { ZipFile: 'exports.handler = async () => ({})' };
  const resources: Record<string, Declared> = {
    Queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 45 } },
    QueuePolicy: {
      Type: 'AWS::SQS::QueueInlinePolicy',
      Properties: { Queue: ref('Queue'), PolicyDocument: allow('sqs:SendMessage', EVERYONE) },
    },
    Topic: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'news' } },
    TopicPolicy: {
      Type: 'AWS::SNS::TopicInlinePolicy',
      Properties: {
        TopicArn: ref('Topic'),
        PolicyDocument: allow('sns:Publish', { ...EVERYONE, Resource: ref('Topic') }),
      },
    },
    Subscription: {
      Type: 'AWS::SNS::Subscription',
      Properties: { TopicArn: ref('Topic'), Protocol: 'sqs', Endpoint: get('Queue', 'Arn') },
    },
    Stream: { Type: 'AWS::Kinesis::Stream', Properties: { ShardCount: 1 } },
    StreamPolicy: {
      Type: 'AWS::Kinesis::ResourcePolicy',
      Properties: {
        ResourceArn: get('Stream', 'Arn'),
        ResourcePolicy: allow('kinesis:DescribeStreamSummary', {
          Principal: { AWS: '000000000000' },
          Resource: get('Stream', 'Arn'),
        }),
      },
    },
    Consumer: {
      Type: 'AWS::Kinesis::StreamConsumer',
      Properties: { StreamARN: get('Stream', 'Arn'), ConsumerName: 'fan' },
    },
    Bucket: { Type: 'AWS::S3::Bucket' },
    BucketPolicy: {
      Type: 'AWS::S3::BucketPolicy',
      Properties: {
        Bucket: ref('Bucket'),
        PolicyDocument: allow('s3:GetObject', {
          Principal: { AWS: '000000000000' },
          Resource: { 'Fn::Sub': '${Bucket.Arn}/*' },
        }),
      },
    },
    Table: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      },
    },
    GlobalTable: {
      Type: 'AWS::DynamoDB::GlobalTable',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
        Replicas: [{ Region: 'us-east-1' }],
      },
    },
    Group: { Type: 'AWS::Logs::LogGroup', Properties: { RetentionInDays: 7 } },
    LogStream: { Type: 'AWS::Logs::LogStream', Properties: { LogGroupName: ref('Group') } },
    Metric: {
      Type: 'AWS::Logs::MetricFilter',
      Properties: {
        LogGroupName: ref('Group'),
        FilterPattern: 'ERROR',
        MetricTransformations: [{ MetricName: 'errors', MetricNamespace: 'plant', MetricValue: '1' }],
      },
    },
    Sent: {
      Type: 'AWS::Logs::SubscriptionFilter',
      DependsOn: 'LogsRole',
      Properties: {
        LogGroupName: ref('Group'),
        FilterPattern: '',
        DestinationArn: get('Stream', 'Arn'),
        RoleArn: get('LogsRole', 'Arn'),
      },
    },
    LogsPolicy: {
      Type: 'AWS::Logs::ResourcePolicy',
      Properties: {
        PolicyName: 'iot',
        PolicyDocument: JSON.stringify(allow('logs:PutLogEvents', { Principal: { Service: 'iot.amazonaws.com' } })),
      },
    },
    Alarm: {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        ComparisonOperator: 'GreaterThanThreshold',
        EvaluationPeriods: 1,
        MetricName: 'errors',
        Namespace: 'plant',
        Period: 60,
        Statistic: 'Sum',
        Threshold: 1,
      },
    },
    Parameter: { Type: 'AWS::SSM::Parameter', Properties: { Type: 'String', Value: 'v' } },
    Repository: { Type: 'AWS::ECR::Repository' },
    LogsRole: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: trust('logs.amazonaws.com'),
        Policies: [{ PolicyName: 'put', PolicyDocument: allow('kinesis:PutRecord') }],
      },
    },
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
        Policies: [{ PolicyName: 'all', PolicyDocument: allow('*') }],
      },
    },
    RolePolicy: {
      Type: 'AWS::IAM::RolePolicy',
      Properties: { RoleName: ref('Role'), PolicyName: 'more', PolicyDocument: allow('sqs:*') },
    },
    ManagedPolicy: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: allow('sns:*') } },
    People: { Type: 'AWS::IAM::Group' },
    PeoplePolicy: {
      Type: 'AWS::IAM::GroupPolicy',
      Properties: { GroupName: ref('People'), PolicyName: 'g', PolicyDocument: allow('sqs:*') },
    },
    User: { Type: 'AWS::IAM::User' },
    UserPolicy: {
      Type: 'AWS::IAM::UserPolicy',
      Properties: { UserName: ref('User'), PolicyName: 'u', PolicyDocument: allow('sqs:*') },
    },
    Profile: { Type: 'AWS::IAM::InstanceProfile', Properties: { Roles: [ref('Role')] } },
    Provider: {
      Type: 'AWS::IAM::OIDCProvider',
      Properties: { Url: 'https://issuer.example.com', ClientIdList: ['a'] },
    },
    ServiceRole: {
      Type: 'AWS::IAM::ServiceLinkedRole',
      Properties: { AWSServiceName: 'ops.apigateway.amazonaws.com' },
    },
    Secret: { Type: 'AWS::SecretsManager::Secret', Properties: { SecretString: 'x' } },
    SecretPolicy: {
      Type: 'AWS::SecretsManager::ResourcePolicy',
      Properties: {
        SecretId: ref('Secret'),
        ResourcePolicy: allow('secretsmanager:GetSecretValue', { Principal: { AWS: '000000000000' } }),
      },
    },
    Rotation: {
      Type: 'AWS::SecretsManager::RotationSchedule',
      DependsOn: ['SecretPolicy', 'Permission'],
      Properties: {
        SecretId: ref('Secret'),
        RotationLambdaARN: get('Function', 'Arn'),
        RotationRules: { AutomaticallyAfterDays: 30 },
        RotateImmediatelyOnUpdate: false,
      },
    },
    Function: {
      Type: 'AWS::Lambda::Function',
      Properties: { Code: code, Handler: 'index.handler', Runtime: 'nodejs24.x', Role: get('Role', 'Arn') },
    },
    Layer: { Type: 'AWS::Lambda::LayerVersion', Properties: { Content: given.layer } },
    Version: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: ref('Function') } },
    Alias: {
      Type: 'AWS::Lambda::Alias',
      Properties: { FunctionName: ref('Function'), FunctionVersion: get('Version', 'Version'), Name: 'live' },
    },
    Permission: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        FunctionName: ref('Function'),
        Action: 'lambda:InvokeFunction',
        Principal: 'secretsmanager.amazonaws.com',
      },
    },
    Asynchronous: {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: { FunctionName: ref('Function'), Qualifier: '$LATEST', MaximumRetryAttempts: 1 },
    },
    Mapping: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { FunctionName: ref('Function'), EventSourceArn: get('Queue', 'Arn'), Enabled: false },
    },
    FunctionUrl: {
      Type: 'AWS::Lambda::Url',
      Properties: { TargetFunctionArn: get('Function', 'Arn'), AuthType: 'AWS_IAM' },
    },
    Rule: {
      Type: 'AWS::IoT::TopicRule',
      Properties: {
        TopicRulePayload: { Sql: "SELECT * FROM 'a'", Actions: [{ Lambda: { FunctionArn: get('Function', 'Arn') } }] },
      },
    },
    Thing: { Type: 'AWS::IoT::Thing' },
    ThingType: { Type: 'AWS::IoT::ThingType' },
    ThingGroup: { Type: 'AWS::IoT::ThingGroup' },
    Certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateSigningRequest: given.request, Status: 'ACTIVE' },
    },
    Attached: {
      Type: 'AWS::IoT::ThingPrincipalAttachment',
      Properties: { ThingName: ref('Thing'), Principal: get('Certificate', 'Arn') },
    },
    Authority: {
      Type: 'AWS::IoT::CACertificate',
      Properties: {
        CACertificatePem: given.authority,
        VerificationCertificatePem: given.verification,
        Status: 'ACTIVE',
      },
    },
    DevicePolicy: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: allow('iot:Connect') } },
    Authorizer: {
      Type: 'AWS::IoT::Authorizer',
      Properties: { AuthorizerFunctionArn: get('Function', 'Arn'), SigningDisabled: true },
    },
    Provisioning: {
      Type: 'AWS::IoT::ProvisioningTemplate',
      Properties: {
        ProvisioningRoleArn: get('Role', 'Arn'),
        TemplateBody: JSON.stringify({ Resources: { t: { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'x' } } } }),
      },
    },
    ...restApi(),
    ...httpApi(),
  };
  return Object.fromEntries(
    Object.entries(resources).map(([id, resource]) => [id, { DeletionPolicy: 'Retain', ...resource }]),
  );
}

function restApi(): Record<string, Declared> {
  const api = { RestApiId: ref('Rest') };
  return {
    RestAccount: { Type: 'AWS::ApiGateway::Account' },
    Rest: { Type: 'AWS::ApiGateway::RestApi', Properties: { Name: 'rest' } },
    RestResource: {
      Type: 'AWS::ApiGateway::Resource',
      Properties: { ...api, ParentId: get('Rest', 'RootResourceId'), PathPart: 'orders' },
    },
    RestMethod: {
      Type: 'AWS::ApiGateway::Method',
      Properties: {
        ...api,
        ResourceId: ref('RestResource'),
        HttpMethod: 'GET',
        AuthorizationType: 'NONE',
        Integration: { Type: 'MOCK', RequestTemplates: { 'application/json': '{"statusCode":200}' } },
      },
    },
    RestAuthorizer: {
      Type: 'AWS::ApiGateway::Authorizer',
      Properties: {
        ...api,
        Name: 'token',
        Type: 'TOKEN',
        IdentitySource: 'method.request.header.Authorization',
        AuthorizerUri: {
          'Fn::Sub': 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Function.Arn}/invocations',
        },
      },
    },
    RestModel: { Type: 'AWS::ApiGateway::Model', Properties: { ...api, Name: 'Order', Schema: { type: 'object' } } },
    RestValidator: {
      Type: 'AWS::ApiGateway::RequestValidator',
      Properties: { ...api, Name: 'body', ValidateRequestBody: true },
    },
    RestAnswer: {
      Type: 'AWS::ApiGateway::GatewayResponse',
      Properties: { ...api, ResponseType: 'UNAUTHORIZED', StatusCode: '401' },
    },
    RestDeployment: { Type: 'AWS::ApiGateway::Deployment', DependsOn: 'RestMethod', Properties: api },
    RestStage: {
      Type: 'AWS::ApiGateway::Stage',
      Properties: { ...api, StageName: 'prod', DeploymentId: ref('RestDeployment') },
    },
    RestKey: { Type: 'AWS::ApiGateway::ApiKey', Properties: { Enabled: true } },
    RestPlan: {
      Type: 'AWS::ApiGateway::UsagePlan',
      Properties: { ApiStages: [{ ApiId: ref('Rest'), Stage: ref('RestStage') }] },
    },
    RestPlanKey: {
      Type: 'AWS::ApiGateway::UsagePlanKey',
      Properties: { KeyId: ref('RestKey'), KeyType: 'API_KEY', UsagePlanId: ref('RestPlan') },
    },
    RestCertificate: { Type: 'AWS::ApiGateway::ClientCertificate' },
    RestPart: {
      Type: 'AWS::ApiGateway::DocumentationPart',
      Properties: { ...api, Location: { Type: 'API' }, Properties: '{"description":"orders"}' },
    },
    RestWords: {
      Type: 'AWS::ApiGateway::DocumentationVersion',
      DependsOn: 'RestPart',
      Properties: { ...api, DocumentationVersion: '1' },
    },
    RestDomain: {
      Type: 'AWS::ApiGateway::DomainName',
      Properties: { DomainName: 'rest.example.com', EndpointConfiguration: { Types: ['REGIONAL'] } },
    },
    RestPath: {
      Type: 'AWS::ApiGateway::BasePathMapping',
      Properties: { DomainName: ref('RestDomain'), RestApiId: ref('Rest'), Stage: ref('RestStage'), BasePath: 'v1' },
    },
  };
}

function httpApi(): Record<string, Declared> {
  const api = { ApiId: ref('Http') };
  return {
    Http: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'http', ProtocolType: 'HTTP' } },
    HttpIntegration: {
      Type: 'AWS::ApiGatewayV2::Integration',
      Properties: {
        ...api,
        IntegrationType: 'HTTP_PROXY',
        IntegrationMethod: 'GET',
        IntegrationUri: 'https://example.com',
        PayloadFormatVersion: '1.0',
      },
    },
    HttpIntegrationResponse: {
      Type: 'AWS::ApiGatewayV2::IntegrationResponse',
      Properties: { ...api, IntegrationId: ref('HttpIntegration'), IntegrationResponseKey: '$default' },
    },
    HttpRoute: {
      Type: 'AWS::ApiGatewayV2::Route',
      Properties: {
        ...api,
        RouteKey: 'GET /hello',
        Target: { 'Fn::Join': ['/', ['integrations', ref('HttpIntegration')]] },
      },
    },
    HttpRouteResponse: {
      Type: 'AWS::ApiGatewayV2::RouteResponse',
      Properties: { ...api, RouteId: ref('HttpRoute'), RouteResponseKey: '$default' },
    },
    HttpModel: {
      Type: 'AWS::ApiGatewayV2::Model',
      Properties: { ...api, Name: 'Hello', ContentType: 'application/json', Schema: { type: 'object' } },
    },
    HttpAuthorizer: {
      Type: 'AWS::ApiGatewayV2::Authorizer',
      Properties: {
        ...api,
        Name: 'who',
        AuthorizerType: 'REQUEST',
        IdentitySource: ['$request.header.Auth'],
        AuthorizerPayloadFormatVersion: '2.0',
        AuthorizerUri: {
          'Fn::Sub': 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Function.Arn}/invocations',
        },
      },
    },
    HttpDeployment: { Type: 'AWS::ApiGatewayV2::Deployment', DependsOn: 'HttpRoute', Properties: api },
    HttpStage: {
      Type: 'AWS::ApiGatewayV2::Stage',
      Properties: { ...api, StageName: 'prod', DeploymentId: ref('HttpDeployment') },
    },
    HttpDomain: { Type: 'AWS::ApiGatewayV2::DomainName', Properties: { DomainName: 'http.example.com' } },
    HttpPath: {
      Type: 'AWS::ApiGatewayV2::ApiMapping',
      Properties: { ...api, DomainName: ref('HttpDomain'), Stage: ref('HttpStage') },
    },
  };
}
