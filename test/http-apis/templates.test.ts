import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as http1 from '@aws-sdk/client-api-gateway';
import * as http2 from '@aws-sdk/client-apigatewayv2';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { aMoment } from '../support/eventually.ts';
import { CREDENTIALS, call, type House, openHouse } from './support.ts';

let house: House;
let cloudFormation: CloudFormationClient;
let port: string;

before(async () => {
  house = await openHouse();
  cloudFormation = new CloudFormationClient({
    endpoint: house.node.endpoint,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
  port = new URL(house.node.endpoint).port;
});

after(async () => {
  cloudFormation?.destroy();
  await house?.[Symbol.asyncDispose]();
});

const address = (id: string) => `http://${id}.execute-api.us-east-1.localhost:${port}`;

/** Waits for the end of what a stack does. @returns its outputs */
async function settled(StackName: string): Promise<Record<string, string>> {
  for (;;) {
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    const { StackStatus, Outputs = [] } = Stacks![0]!;
    if (StackStatus!.endsWith('IN_PROGRESS')) {
      await aMoment();
      continue;
    }
    if (!/^(CREATE|UPDATE)_COMPLETE$/.test(StackStatus!)) {
      const { StackEvents } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName }));
      const failed = StackEvents!.filter(({ ResourceStatus }) => ResourceStatus!.endsWith('FAILED'));
      assert.fail(JSON.stringify(failed.map((e) => [e.LogicalResourceId, e.ResourceStatusReason])));
    }
    return Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]));
  }
}

const Capabilities = ['CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND'] as const;

async function deploy(StackName: string, template: object): Promise<Record<string, string>> {
  const input = { StackName, TemplateBody: JSON.stringify(template), Capabilities: [...Capabilities] };
  const exists = await cloudFormation.send(new DescribeStacksCommand({ StackName })).catch(() => undefined);
  await cloudFormation.send(exists ? new UpdateStackCommand(input) : new CreateStackCommand(input));
  return settled(StackName);
}

const CODE = `exports.handler = async (event) => ({ statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) });`;
const AUTHORIZE = `exports.handler = async (event) => ({ isAuthorized: event.headers.key === 'open', context: { plan: 'gold' } });`;
const TOKEN = `exports.handler = async (event) => ({
  principalId: 'me',
  policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: event.authorizationToken === 'allow' ? 'Allow' : 'Deny', Resource: event.methodArn }] },
  context: { plan: 'gold' },
});`;
const fn = (InlineCode: string, Events?: object) => ({
  Type: 'AWS::Serverless::Function',
  Properties: { Handler: 'index.handler', Runtime: 'nodejs24.x', InlineCode, ...(Events && { Events }) },
});

const MOCK = {
  responses: { 200: { description: 'ok' } },
  'x-amazon-apigateway-integration': {
    type: 'mock',
    requestTemplates: { 'application/json': '{"statusCode": 200}' },
    responses: { default: { statusCode: '200' } },
  },
};

const sam = (Resources: object, Outputs: object = {}) => ({
  Transform: 'AWS::Serverless-2016-10-31',
  Resources,
  Outputs,
});

test('events of a SAM function imply an HTTP API and a REST API, which answer', async () => {
  const template = (method: string) =>
    sam(
      {
        Fn: fn(CODE, {
          Item: { Type: 'HttpApi', Properties: { Path: '/items/{id}', Method: method } },
          Rest: { Type: 'Api', Properties: { Path: '/things/{id}', Method: method } },
        }),
      },
      { Http: { Value: { Ref: 'ServerlessHttpApi' } }, Rest: { Value: { Ref: 'ServerlessRestApi' } } },
    );
  const { Http, Rest } = await deploy('implied', template('get'));
  const item = await call(address(Http!), '/items/7?a=b');
  assert.equal(item.status, 200);
  assert.equal(item.json().version, '2.0');
  assert.deepEqual(item.json().pathParameters, { id: '7' });
  assert.equal(item.json().routeKey, 'GET /items/{id}');
  const thing = await call(address(Rest!), '/Prod/things/7');
  assert.equal(thing.json().resource, '/things/{id}');
  assert.equal((await call(address(Http!), '/items/7', { method: 'POST' })).status, 404);
  await deploy('implied', template('post'));
  assert.equal((await call(address(Http!), '/items/7', { method: 'POST' })).status, 200);
  assert.equal((await call(address(Http!), '/items/7')).status, 404, 'the stage deploys itself');
  assert.equal((await call(address(Rest!), '/Prod/things/7', { method: 'POST' })).status, 200);
  await cloudFormation.send(new DeleteStackCommand({ StackName: 'implied' }));
  while (await cloudFormation.send(new DescribeStacksCommand({ StackName: 'implied' })).catch(() => undefined))
    await aMoment();
  const [http, rest] = [
    await house.v2.send(new http2.GetApisCommand({})),
    await house.v1.send(new http1.GetRestApisCommand({})),
  ];
  assert.deepEqual([http.Items, rest.items], [[], []], 'nothing is left');
});

test('an HTTP API of a template has its authorizers, its rules for pages and its stage', async () => {
  const outputs = await deploy(
    'declared',
    sam(
      {
        Authorize: fn(AUTHORIZE),
        Fn: fn(CODE, {
          Open: {
            Type: 'HttpApi',
            Properties: { ApiId: { Ref: 'Api' }, Path: '/open', Method: 'GET', Auth: { Authorizer: 'NONE' } },
          },
          Closed: { Type: 'HttpApi', Properties: { ApiId: { Ref: 'Api' }, Path: '/closed', Method: 'ANY' } },
          Rest: { Type: 'HttpApi', Properties: { ApiId: { Ref: 'Api' }, Auth: { Authorizer: 'NONE' } } },
        }),
        Api: {
          Type: 'AWS::Serverless::HttpApi',
          Properties: {
            StageName: 'v1',
            StageVariables: { colour: 'blue' },
            CorsConfiguration: { AllowOrigins: ['https://page.example'], AllowMethods: ['GET'] },
            Auth: {
              DefaultAuthorizer: 'Key',
              Authorizers: {
                Key: {
                  FunctionArn: { 'Fn::GetAtt': ['Authorize', 'Arn'] },
                  AuthorizerPayloadFormatVersion: '2.0',
                  EnableSimpleResponses: true,
                  EnableFunctionDefaultPermissions: true,
                  Identity: { Headers: ['key'] },
                },
              },
            },
          },
        },
      },
      { Api: { Value: { Ref: 'Api' } }, Stage: { Value: { Ref: 'Api.Stage' } } },
    ),
  );
  assert.equal(outputs.Stage, 'v1');
  const at = address(outputs.Api!);
  assert.equal((await call(at, '/v1/open')).json().stageVariables.colour, 'blue');
  assert.equal((await call(at, '/v1/anything/else')).json().routeKey, '$default');
  assert.deepEqual(
    [(await call(at, '/v1/closed')).status, (await call(at, '/v1/closed', { headers: { key: 'shut' } })).status],
    [401, 403],
  );
  const closed = await call(at, '/v1/closed', { headers: { key: 'open' } });
  assert.deepEqual(closed.json().requestContext.authorizer, { lambda: { plan: 'gold' } });
  const origin = 'https://page.example';
  const asked = await call(at, '/v1/open', {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET' },
  });
  assert.deepEqual([asked.status, asked.headers['access-control-allow-origin']], [204, origin]);
  const { Items } = await house.v2.send(new http2.GetStagesCommand({ ApiId: outputs.Api! }));
  assert.deepEqual([Items![0]!.AutoDeploy, Items![0]!.Tags], [true, { 'httpapi:createdBy': 'SAM' }]);
});

test('a REST API of a template has authorizers, keys, models, answers of its own and CORS', async () => {
  const outputs = await deploy(
    'rest',
    sam(
      {
        Authorize: fn(TOKEN),
        Fn: fn(CODE, {
          Get: { Type: 'Api', Properties: { RestApiId: { Ref: 'Api' }, Path: '/me', Method: 'GET' } },
          Post: {
            Type: 'Api',
            Properties: {
              ...{ RestApiId: { Ref: 'Api' }, Path: '/orders', Method: 'POST' },
              Auth: { Authorizer: 'NONE', ApiKeyRequired: true },
              RequestModel: { Model: 'Order', Required: true, ValidateBody: true },
            },
          },
        }),
        Api: {
          Type: 'AWS::Serverless::Api',
          Properties: {
            StageName: 'prod',
            Cors: "'https://page.example'",
            Models: { Order: { type: 'object', required: ['count'], properties: { count: { type: 'integer' } } } },
            GatewayResponses: {
              UNAUTHORIZED: {
                StatusCode: 418,
                ResponseParameters: { Headers: { 'x-why': "'nobody'" } },
                ResponseTemplates: { 'application/json': '{"why":$context.error.messageString}' },
              },
            },
            Auth: {
              DefaultAuthorizer: 'Token',
              AddDefaultAuthorizerToCorsPreflight: false,
              Authorizers: { Token: { FunctionArn: { 'Fn::GetAtt': ['Authorize', 'Arn'] } } },
              UsagePlan: { CreateUsagePlan: 'PER_API', Quota: { Limit: 2, Period: 'DAY' } },
            },
          },
        },
      },
      { Api: { Value: { Ref: 'Api' } }, Key: { Value: { Ref: 'ApiApiKey' } } },
    ),
  );
  const at = address(outputs.Api!);
  const nobody = await call(at, '/prod/me');
  assert.deepEqual([nobody.status, nobody.headers['x-why'], nobody.body], [418, 'nobody', '{"why":"Unauthorized"}']);
  const me = await call(at, '/prod/me', { headers: { authorization: 'allow' } });
  assert.equal(me.json().requestContext.authorizer.principalId, 'me');
  const denied = await call(at, '/prod/me', { headers: { authorization: 'deny' } });
  assert.equal(denied.status, 403);
  const preflight = await call(at, '/prod/me', { method: 'OPTIONS' });
  assert.deepEqual(
    [
      preflight.status,
      preflight.headers['access-control-allow-origin'],
      preflight.headers['access-control-allow-methods'],
    ],
    [200, 'https://page.example', 'GET,OPTIONS'],
  );
  const { value } = await house.v1.send(new http1.GetApiKeyCommand({ apiKey: outputs.Key!, includeValue: true }));
  const order = (body: string, key = value!) =>
    call(
      at,
      '/prod/orders',
      { method: 'POST', headers: { 'x-api-key': key, 'content-type': 'application/json' } },
      body,
    );
  assert.equal((await order('{"count":1}', 'no such key')).status, 403);
  assert.equal((await order('{"count":"many"}')).body, '{"message": "Invalid request body"}'.replace(': ', ':'));
  assert.equal((await order('{"count":1}')).status, 200);
  const over = await order('{"count":1}');
  assert.deepEqual([over.status, over.body], [429, '{"message":"Limit Exceeded"}']);
  const { StackResources } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName: 'rest' }));
  const ids = StackResources!.map(({ LogicalResourceId }) => LogicalResourceId!.replace(/[0-9a-f]{10}$/, 'HASH'));
  assert.deepEqual(
    ids.filter((id) => /^Api|Permission/.test(id)).sort(),
    [
      ...['Api', 'ApiApiKey', 'ApiDeploymentHASH', 'ApiTokenAuthorizerPermission', 'ApiUsagePlan', 'ApiUsagePlanKey'],
      ...['ApiprodStage', 'FnGetPermissionprod', 'FnPostPermissionprod'],
    ].sort(),
  );
});

test('documentation, certificates and what describes an HTTP API are parts of templates', async () => {
  const restApiId = { Ref: 'Rest' };
  const ApiId = { Ref: 'Http' };
  const template = (text: string) => ({
    Resources: {
      Certificate: {
        Type: 'AWS::ApiGateway::ClientCertificate',
        Properties: { Description: text, Tags: [{ Key: 'a', Value: text }] },
      },
      Rest: {
        Type: 'AWS::ApiGateway::RestApi',
        Properties: { Body: { openapi: '3.0.1', info: { title: 'documented' }, paths: { '/': { get: MOCK } } } },
      },
      Part: {
        Type: 'AWS::ApiGateway::DocumentationPart',
        Properties: {
          RestApiId: restApiId,
          Location: { Type: 'METHOD', Path: '/', Method: 'GET' },
          Properties: JSON.stringify({ description: text }),
        },
      },
      Version: {
        Type: 'AWS::ApiGateway::DocumentationVersion',
        DependsOn: 'Part',
        Properties: { RestApiId: restApiId, DocumentationVersion: '1', Description: text },
      },
      Deployment: { Type: 'AWS::ApiGateway::Deployment', Properties: { RestApiId: restApiId } },
      Stage: {
        Type: 'AWS::ApiGateway::Stage',
        Properties: {
          ...{ RestApiId: restApiId, DeploymentId: { Ref: 'Deployment' }, StageName: 'dev' },
          ...{ DocumentationVersion: { Ref: 'Version' }, ClientCertificateId: { Ref: 'Certificate' } },
        },
      },
      Http: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'described', ProtocolType: 'HTTP' } },
      Integration: {
        Type: 'AWS::ApiGatewayV2::Integration',
        Properties: {
          ...{ ApiId, IntegrationType: 'HTTP_PROXY', IntegrationMethod: 'GET', IntegrationUri: 'https://example.com' },
          PayloadFormatVersion: '1.0',
        },
      },
      Route: {
        Type: 'AWS::ApiGatewayV2::Route',
        Properties: { ApiId, RouteKey: 'GET /a', Target: { 'Fn::Sub': 'integrations/${Integration}' } },
      },
      Model: {
        Type: 'AWS::ApiGatewayV2::Model',
        Properties: { ApiId, Name: 'Item', ContentType: 'application/json', Schema: { type: 'object', title: text } },
      },
      RouteResponse: {
        Type: 'AWS::ApiGatewayV2::RouteResponse',
        Properties: {
          ...{ ApiId, RouteId: { Ref: 'Route' }, RouteResponseKey: '$default', ModelSelectionExpression: text },
          ResponseModels: { 'application/json': 'Item' },
        },
      },
      IntegrationResponse: {
        Type: 'AWS::ApiGatewayV2::IntegrationResponse',
        Properties: {
          ...{ ApiId, IntegrationId: { Ref: 'Integration' }, IntegrationResponseKey: '/200/' },
          ResponseTemplates: { 'application/json': text },
        },
      },
    },
    Outputs: Object.fromEntries(
      ['Rest', 'Http', 'Certificate', 'Part', 'Route', 'Integration', 'Model'].map((id) => [
        id,
        { Value: { Ref: id } },
      ]),
    ),
  });
  const first = await deploy('described', template('one'));
  const seen = async ({ Rest, Http, Certificate, Part, Route, Integration }: Record<string, string>) => {
    const { v1, v2 } = house;
    const place = { restApiId: Rest, documentationPartId: Part };
    const http = { ApiId: Http };
    const [certificate, part, version, stage, models, routeResponses, integrationResponses] = await Promise.all([
      v1.send(new http1.GetClientCertificateCommand({ clientCertificateId: Certificate })),
      v1.send(new http1.GetDocumentationPartCommand(place)),
      v1.send(new http1.GetDocumentationVersionCommand({ restApiId: Rest, documentationVersion: '1' })),
      v1.send(new http1.GetStageCommand({ restApiId: Rest, stageName: 'dev' })),
      v2.send(new http2.GetModelsCommand(http)),
      v2.send(new http2.GetRouteResponsesCommand({ ...http, RouteId: Route })),
      v2.send(new http2.GetIntegrationResponsesCommand({ ...http, IntegrationId: Integration })),
    ]);
    assert.deepEqual([stage.documentationVersion, stage.clientCertificateId], ['1', Certificate]);
    return [
      ...[certificate.description, certificate.tags!.a, JSON.parse(part.properties!).description, version.description],
      JSON.parse(models.Items![0]!.Schema!).title,
      routeResponses.Items![0]!.ModelSelectionExpression,
      integrationResponses.Items![0]!.ResponseTemplates!['application/json'],
    ];
  };
  assert.deepEqual(await seen(first), Array(7).fill('one'));
  const second = await deploy('described', template('two'));
  assert.deepEqual(second, first, 'nothing is replaced');
  assert.deepEqual(await seen(second), Array(7).fill('two'));
  await cloudFormation.send(new DeleteStackCommand({ StackName: 'described' }));
  while (await cloudFormation.send(new DescribeStacksCommand({ StackName: 'described' })).catch(() => undefined))
    await aMoment();
  const { items } = await house.v1.send(new http1.GetClientCertificatesCommand({}));
  assert.deepEqual(items, []);
});
