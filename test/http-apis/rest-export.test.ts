import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateDeploymentCommand,
  type CreateDeploymentCommandInput,
  CreateRestApiCommand,
  GetExportCommand,
  ImportRestApiCommand,
  NotFoundException,
  paginateGetRestApis,
} from '@aws-sdk/client-api-gateway';
import { parse } from 'yaml';
import { call, ECHO, type House, openHouse } from './support.ts';

let house: House;

before(async () => {
  house = await openHouse();
});
after(() => house?.[Symbol.asyncDispose]());

/** A definition with everything that an export must bring back. */
function definition(arn: string) {
  const uri = `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${arn}/invocations`;
  const proxy = { type: 'aws_proxy', httpMethod: 'POST', uri };
  return {
    openapi: '3.0.1',
    info: { title: 'shop', version: '7', description: 'What is for sale' },
    paths: {
      '/items/{id}': {
        get: {
          operationId: 'readItem',
          parameters: [{ name: 'q', in: 'query', required: true, schema: { type: 'string' } }],
          responses: { 200: { description: 'ok', headers: { 'x-a': { schema: { type: 'string' } } } } },
          security: [{ people: [] }, { api_key: [] }],
          'x-amazon-apigateway-integration': proxy,
        },
      },
      '/open': {
        'x-amazon-apigateway-any-method': { 'x-amazon-apigateway-integration': proxy },
        post: {
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Item' } } } },
          'x-amazon-apigateway-request-validator': 'bodies',
          'x-amazon-apigateway-integration': {
            type: 'mock',
            requestTemplates: { 'application/json': '{"statusCode": 200}' },
            responses: { default: { statusCode: '200', responseTemplates: { 'application/json': '{}' } } },
          },
          responses: { 200: { description: 'ok' } },
        },
      },
    },
    components: {
      schemas: { Item: { type: 'object', required: ['name'] } },
      securitySchemes: {
        people: {
          ...{ type: 'apiKey', name: 'Authorization', in: 'header', 'x-amazon-apigateway-authtype': 'custom' },
          'x-amazon-apigateway-authorizer': { type: 'token', authorizerUri: uri, authorizerResultTtlInSeconds: 60 },
        },
        api_key: { type: 'apiKey', name: 'x-api-key', in: 'header' },
      },
    },
    'x-amazon-apigateway-request-validators': {
      bodies: { validateRequestBody: true, validateRequestParameters: false },
    },
    'x-amazon-apigateway-gateway-responses': {
      DEFAULT_4XX: { responseTemplates: { 'application/json': '{"no": 1}' } },
    },
    'x-amazon-apigateway-binary-media-types': ['image/jpeg'],
  };
}

async function imported(body: string | Uint8Array): Promise<string> {
  const { id: restApiId } = await house.v1.send(new ImportRestApiCommand({ body: Buffer.from(body) }));
  const input: CreateDeploymentCommandInput = { restApiId, stageName: 'dev' };
  await house.v1.send(new CreateDeploymentCommand(input));
  return restApiId!;
}

async function exportOf(restApiId: string, exportType: string, accepts = 'application/json', extensions?: string) {
  const parameters = extensions === undefined ? {} : { parameters: { extensions } };
  const input = { restApiId, stageName: 'dev', exportType, accepts, ...parameters };
  return house.v1.send(new GetExportCommand(input));
}

test('what was exported can be imported again, and says the same, in both dialects', async () => {
  const arn = await house.makeFunction('shop', ECHO);
  const first = await imported(JSON.stringify(definition(arn)));
  for (const dialect of ['oas30', 'swagger']) {
    const { body, contentType } = await exportOf(first, dialect, 'application/json', 'apigateway');
    assert.equal(contentType, 'application/json');
    const second = await imported(body!);
    const again = await exportOf(second, dialect, 'application/json', 'apigateway');
    const plain = (bytes: Uint8Array, id: string) => Buffer.from(bytes).toString().replaceAll(id, 'ID');
    assert.equal(plain(again.body!, second), plain(body!, first));
    const at = `${house.node.endpoint}/_execute-api/${second}`;
    const answer = await call(
      at,
      `/_execute-api/${second}/dev/open`,
      { method: 'POST', headers: { 'content-type': 'application/json' } },
      '{}',
    );
    assert.deepEqual(
      [answer.status, answer.body],
      [400, '{"no": 1}'],
      'validator, model and gateway response are back',
    );
  }
  const { paths } = JSON.parse(Buffer.from((await exportOf(first, 'oas30')).body!).toString());
  assert.deepEqual(Object.keys(paths['/items/{id}'].get), ['operationId', 'parameters', 'responses', 'security']);
  const yaml = await exportOf(first, 'oas30', 'application/yaml', 'integrations');
  const document = parse(Buffer.from(yaml.body!).toString());
  assert.equal(document.info.version, '7');
  assert.equal(document.paths['/open'].post['x-amazon-apigateway-integration'].type, 'mock');
  assert.equal(document.components.securitySchemes.people['x-amazon-apigateway-authorizer'], undefined);
  const missing = new GetExportCommand({ restApiId: first, stageName: 'other', exportType: 'oas30' });
  await assert.rejects(house.v1.send(missing), NotFoundException);
});

test('lists go on where a page ends', async () => {
  const names = ['page-1', 'page-2', 'page-3'];
  for (const name of names) await house.v1.send(new CreateRestApiCommand({ name }));
  const found: string[] = [];
  for await (const { items = [] } of paginateGetRestApis({ client: house.v1, pageSize: 1 }, {})) {
    assert.equal(items.length, 1);
    found.push(items[0]!.name!);
  }
  assert.deepEqual(found.filter((name) => name.startsWith('page-')).sort(), names);
});
