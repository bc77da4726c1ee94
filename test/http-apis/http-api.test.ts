import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import {
  CreateApiCommand,
  CreateApiMappingCommand,
  CreateAuthorizerCommand,
  type CreateAuthorizerCommandInput,
  CreateDeploymentCommand,
  CreateDomainNameCommand,
  CreateIntegrationCommand,
  type CreateIntegrationCommandInput,
  CreateRouteCommand,
  type CreateRouteCommandInput,
  CreateStageCommand,
  type CreateStageCommandInput,
  DeleteApiCommand,
  DeleteIntegrationCommand,
  ExportApiCommand,
  GetApiCommand,
  GetApisCommand,
  GetDeploymentsCommand,
  GetRoutesCommand,
  GetTagsCommand,
  ImportApiCommand,
  ReimportApiCommand,
  ResetAuthorizersCacheCommand,
  TagResourceCommand,
  UpdateIntegrationCommand,
  UpdateRouteCommand,
  UpdateStageCommand,
} from '@aws-sdk/client-apigatewayv2';
import { CloudWatchLogsClient, CreateLogGroupCommand, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { Sha256 } from '../support/sha256.ts';
import { CREDENTIALS, call, ECHO, type House, openHouse } from './support.ts';

let house: House;
let echo: string;
let authorize: string;
let issuer: Server;
let issuerUrl: string;
let upstream: Server;
let upstreamUrl: string;
let keys: JWK[] = [];
let keyReads = 0;

const AUTHORIZE = `let calls = 0;
exports.handler = async (event) => {
  calls++;
  if (event.headers.key === 'throws') throw new Error('Unauthorized');
  if (event.headers.key === 'breaks') throw new Error('else');
  if (event.headers.key === 'odd') return 5;
  if (event.version === '2.0') return { isAuthorized: event.headers.key === 'open', context: { calls, routeArn: event.routeArn, identity: event.identitySource } };
  return {
    principalId: 'me',
    policyDocument: { Version: '2012-10-17', Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: event.methodArn.replace(/GET.*/, 'GET/allowed*') }] },
    context: { calls },
  };
};`;

const ODD = `exports.handler = async (event) => {
  if (event.rawPath === '/throws') throw new Error('secret detail');
  if (event.rawPath === '/status') return { statusCode: 'many' };
  if (event.rawPath === '/split') return { statusCode: 200, headers: { 'x-a': 'b\\r\\nset-cookie: evil=1' } };
  if (event.rawPath === '/cookies') return { statusCode: 201, cookies: ['a=1', 'b=2'], headers: { 'Content-Length': '1' }, body: 'four' };
  if (event.rawPath === '/text') return 'hello';
  if (event.rawPath === '/date') return { statusCode: 200, headers: { Date: 'Thu, 01 Jan 1970 00:00:00 GMT', 'x-latin': 'caf\u00e9' }, body: '\u2713' };
  if (event.rawPath === '/bytes') return { statusCode: 200, headers: { 'content-type': 'image/png' }, body: 'AAEC/w==', isBase64Encoded: true };
  return { message: 'hi' };
};`;

before(async () => {
  house = await openHouse();
  [echo, authorize] = [await house.makeFunction('echo', ECHO), await house.makeFunction('authorize', AUTHORIZE)];
  await house.makeFunction('odd', ODD);
  issuer = createServer((request, response) => {
    if (request.url === '/.well-known/openid-configuration') {
      return void response.end(JSON.stringify({ issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` }));
    }
    keyReads++;
    response.end(JSON.stringify({ keys }));
  });
  issuerUrl = await listening(issuer);
  upstream = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    if (request.url === '/slow') return;
    response.writeHead(request.url === '/teapot' ? 418 : 200, {
      ...{ 'content-type': 'application/json', 'x-from': 'upstream' },
      'set-cookie': ['a=1', 'b=2'],
    });
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  });
  upstreamUrl = await listening(upstream);
});

after(async () => {
  await house?.[Symbol.asyncDispose]();
  for (const server of [issuer, upstream]) {
    server?.closeAllConnections();
    server?.close();
  }
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Made {
  readonly id: string;
  readonly at: string;
  integrate(more?: Partial<CreateIntegrationCommandInput>): Promise<string>;
  route(RouteKey: string, integration: string, more?: Partial<CreateRouteCommandInput>): Promise<string>;
  authorizer(more: Partial<CreateAuthorizerCommandInput>): Promise<string>;
  stage(more?: Partial<CreateStageCommandInput>): Promise<void>;
}

async function makeApi(more: object = {}): Promise<Made> {
  const { v2 } = house;
  const { ApiId, ApiEndpoint } = await v2.send(new CreateApiCommand({ Name: 'api', ProtocolType: 'HTTP', ...more }));
  return {
    id: ApiId!,
    at: ApiEndpoint!,
    integrate: async (about = {}) => {
      const whole = {
        IntegrationType: 'AWS_PROXY',
        IntegrationUri: echo,
        PayloadFormatVersion: '2.0',
        ...about,
      } as const;
      return (await v2.send(new CreateIntegrationCommand({ ApiId, ...whole }))).IntegrationId!;
    },
    route: async (RouteKey, integration, about = {}) => {
      const Target = `integrations/${integration}`;
      return (await v2.send(new CreateRouteCommand({ ApiId, RouteKey, Target, ...about }))).RouteId!;
    },
    authorizer: async (about) => {
      const whole: Omit<CreateAuthorizerCommandInput, 'ApiId'> = {
        ...{ Name: 'a', AuthorizerType: 'REQUEST' },
        IdentitySource: ['$request.header.key'],
        ...about,
      };
      return (await v2.send(new CreateAuthorizerCommand({ ApiId, ...whole }))).AuthorizerId!;
    },
    stage: async (about = {}) => {
      await v2.send(new CreateStageCommand({ ApiId, StageName: '$default', AutoDeploy: true, ...about }));
    },
  };
}

test('a function gets format 2.0 as the developer guide shows it, of the stage $default and of others', async () => {
  const api = await makeApi({ Target: echo });
  const got = await call(
    api.at,
    '/my/path?parameter1=value1&parameter1=value2&parameter2=value',
    {
      method: 'POST',
      headers: {
        Header1: 'value1',
        header2: ['value1', 'value2'],
        cookie: 'cookie1=a; cookie2=b',
        'user-agent': 'agent',
      },
    },
    'Hello from Lambda',
  );
  const event = got.json();
  const { host } = new URL(api.at);
  const { requestId, time, timeEpoch, ...context } = event.requestContext;
  assert.equal(got.headers['apigw-requestid'], requestId);
  assert.match(time, /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  assert.ok(Math.abs(timeEpoch - Date.now()) < 60_000);
  assert.deepEqual(context, {
    ...{ accountId: '000000000000', apiId: api.id, domainName: host.split(':')[0], domainPrefix: api.id },
    http: { method: 'POST', path: '/my/path', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'agent' },
    ...{ routeKey: '$default', stage: '$default' },
  });
  const { 'x-amzn-trace-id': trace, connection: _, 'content-length': length, ...headers } = event.headers;
  assert.equal(length, '17');
  assert.match(trace, /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  assert.deepEqual(headers, {
    ...{ host, header1: 'value1', header2: 'value1,value2', 'user-agent': 'agent' },
    ...{ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-port': host.split(':')[1], 'x-forwarded-proto': 'http' },
  });
  const { headers: _h, requestContext: _c, ...rest } = event;
  assert.deepEqual(rest, {
    ...{ version: '2.0', routeKey: '$default', rawPath: '/my/path', isBase64Encoded: false, body: 'Hello from Lambda' },
    rawQueryString: 'parameter1=value1&parameter1=value2&parameter2=value',
    cookies: ['cookie1=a', 'cookie2=b'],
    queryStringParameters: { parameter1: 'value1,value2', parameter2: 'value' },
  });
  await house.v2.send(
    new CreateStageCommand({
      ApiId: api.id,
      StageName: 'dev',
      AutoDeploy: true,
      StageVariables: { variable: 'value' },
    }),
  );
  const dev = (await call(api.at, '/dev/my%20path/%2F')).json();
  assert.deepEqual(
    [dev.rawPath, dev.requestContext.http.path, dev.requestContext.stage, dev.stageVariables],
    ['/dev/my path//', '/dev/my path//', 'dev', { variable: 'value' }],
    'a path is decoded and has its stage in front',
  );
  assert.deepEqual(
    (await call(api.at, '/device')).json().requestContext.stage,
    '$default',
    'whole segments name stages',
  );
  const byPath = (await call(house.node.endpoint, `/_execute-api/${api.id}/a/b?c`)).json();
  assert.deepEqual([byPath.rawPath, byPath.requestContext.domainName], ['/a/b', host.split(':')[0]]);
});

test('a function gets format 1.0 and must answer a whole response', async () => {
  const api = await makeApi();
  const one = await api.integrate({ PayloadFormatVersion: '1.0' });
  const odd = await api.integrate({ PayloadFormatVersion: '1.0', IntegrationUri: echo.replace('echo', 'odd') });
  await api.route('GET /my/{proxy+}', one);
  await api.route('GET /odd', odd);
  await api.stage();
  const event = (await call(api.at, '/my/path?a=1&a=2&b=', { headers: { 'x-own': 'y', accept: 'a/b' } })).json();
  const { headers, multiValueHeaders, requestContext, ...rest } = event;
  assert.deepEqual([headers['x-own'], headers.Host, multiValueHeaders['x-own']], ['y', new URL(api.at).host, ['y']]);
  assert.deepEqual(rest, {
    ...{
      version: '1.0',
      resource: '/my/{proxy+}',
      path: '/my/path',
      httpMethod: 'GET',
      body: null,
      isBase64Encoded: false,
    },
    ...{ queryStringParameters: { a: '2', b: '' }, multiValueQueryStringParameters: { a: ['1', '2'], b: [''] } },
    ...{ pathParameters: { proxy: 'path' }, stageVariables: null },
  });
  assert.deepEqual(
    [requestContext.resourcePath, requestContext.path, requestContext.identity.sourceIp, requestContext.stage],
    ['/my/{proxy+}', '/my/path', '127.0.0.1', '$default'],
  );
  const wrong = await call(api.at, '/odd');
  assert.deepEqual(
    [wrong.status, wrong.body],
    [500, '{"message":"Internal Server Error"}'],
    'nothing is inferred in 1.0',
  );
});

test('results of functions become responses, and what cannot be one becomes 500', async () => {
  const api = await makeApi({ Target: echo.replace('echo', 'odd') });
  const text = await call(api.at, '/text');
  assert.deepEqual([text.status, text.headers['content-type'], text.body], [200, 'application/json', 'hello']);
  assert.equal((await call(api.at, '/')).body, '{"message":"hi"}');
  assert.deepEqual([...(await call(api.at, '/bytes')).bytes], [0, 1, 2, 255]);
  const cookies = await call(api.at, '/cookies');
  assert.deepEqual([cookies.status, cookies.headers['set-cookie'], cookies.body], [201, ['a=1', 'b=2'], 'four']);
  // Once by each of the two readers of requests: what says that the connection ends is not plain.
  for (const connection of ['keep-alive', 'close']) {
    const dated = await call(api.at, '/date', { headers: { connection } });
    const dates = dated.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'date');
    assert.deepEqual([dated.headers.date, dates.length], ['Thu, 01 Jan 1970 00:00:00 GMT', 1], connection);
    assert.deepEqual([dated.headers['x-latin'], dated.body], ['café', '✓'], connection);
  }
  for (const path of ['/throws', '/status', '/split']) {
    const failed = await call(api.at, path);
    assert.deepEqual([failed.status, failed.body], [500, '{"message":"Internal Server Error"}'], path);
    assert.equal(failed.headers['set-cookie'], undefined);
  }
});

test('the best route takes a request, as the developer guide ranks them', async () => {
  const api = await makeApi();
  const integration = await api.integrate();
  for (const key of [
    'GET /pets/dog/1',
    'GET /pets/dog/{id}',
    'GET /pets/{proxy+}',
    'ANY /{proxy+}',
    '$default',
    'ANY /both',
    'POST /both/{x}',
    'GET /both/y',
  ]) {
    await api.route(key, integration);
  }
  await api.stage();
  const routeOf = async (path: string, method = 'GET') => (await call(api.at, path, { method })).json().routeKey;
  const expected = {
    'GET /pets/dog/1': 'GET /pets/dog/1',
    'GET /pets/dog/2': 'GET /pets/dog/{id}',
    'GET /pets/cat/1': 'GET /pets/{proxy+}',
    'POST /test/5': 'ANY /{proxy+}',
    'GET /': '$default',
    'PATCH /both': 'ANY /both',
    'POST /both/y': 'POST /both/{x}',
    'GET /pets%2Fdog%2F1': 'GET /pets/dog/1',
  };
  for (const [request, route] of Object.entries(expected)) {
    const [method, path] = request.split(' ');
    assert.equal(await routeOf(path!, method), route, request);
  }
  const { pathParameters } = (await call(api.at, '/pets/a%20b/c%2Fd')).json();
  assert.deepEqual(pathParameters, { proxy: 'a b/c/d' });
  const none = await makeApi();
  await none.stage();
  const missing = await call(none.at, '/x');
  assert.deepEqual([missing.status, missing.body], [404, '{"message":"Not Found"}']);
  assert.equal((await call(none.at, '/%zz')).status, 400);
  assert.equal((await call(none.at.replace(none.id, 'aaaaaaaaaa'), '/')).status, 404);
});

test('what cannot be is refused in the control plane', async () => {
  const api = await makeApi();
  const integration = await api.integrate();
  await api.route('GET /a', integration);
  await assert.rejects(api.route('GET /a', integration), {
    name: 'ConflictException',
    message: 'Route with key GET /a already exists for this API',
  });
  for (const key of ['GET a', 'FETCH /a', 'GET /{a+}/b', 'GET /a b', '/a']) {
    await assert.rejects(api.route(key, integration), { name: 'BadRequestException' }, key);
  }
  await assert.rejects(api.route('GET /b', 'nothere'), { name: 'BadRequestException' });
  const { v2 } = house;
  await assert.rejects(v2.send(new DeleteIntegrationCommand({ ApiId: api.id, IntegrationId: integration })), {
    name: 'ConflictException',
  });
  await assert.rejects(v2.send(new GetApiCommand({ ApiId: 'nothere' })), { name: 'NotFoundException' });
  await assert.rejects(
    v2.send(new CreateApiCommand({ Name: 'w', ProtocolType: 'WEBSOCKET' })),
    /WebSocket APIs are not built/,
  );
  await assert.rejects(v2.send(new CreateDeploymentCommand({ ApiId: api.id, StageName: 'no' })), {
    name: 'NotFoundException',
  });
  const ResourceArn = `arn:aws:apigateway:us-east-1::/apis/${api.id}`;
  await v2.send(new TagResourceCommand({ ResourceArn, Tags: { a: 'b' } }));
  assert.deepEqual((await v2.send(new GetTagsCommand({ ResourceArn }))).Tags, { a: 'b' });
  const first = await v2.send(new GetApisCommand({ MaxResults: '1' }));
  const second = await v2.send(new GetApisCommand({ MaxResults: '1', NextToken: first.NextToken! }));
  assert.notEqual(first.Items![0]!.ApiId, second.Items![0]!.ApiId);
  await v2.send(new DeleteApiCommand({ ApiId: api.id }));
  await assert.rejects(v2.send(new GetApiCommand({ ApiId: api.id })), { name: 'NotFoundException' });
});

test('a stage serves its deployment until the next one', async () => {
  const api = await makeApi();
  const integration = await api.integrate();
  const RouteId = await api.route('GET /old', integration);
  await house.v2.send(new CreateStageCommand({ ApiId: api.id, StageName: 'v1' }));
  assert.equal((await call(api.at, '/v1/old')).status, 404, 'nothing is deployed');
  await house.v2.send(new CreateDeploymentCommand({ ApiId: api.id, StageName: 'v1' }));
  await house.v2.send(new UpdateRouteCommand({ ApiId: api.id, RouteId, RouteKey: 'GET /new' }));
  assert.deepEqual([(await call(api.at, '/v1/old')).status, (await call(api.at, '/v1/new')).status], [200, 404]);
  await house.v2.send(new CreateDeploymentCommand({ ApiId: api.id, StageName: 'v1' }));
  assert.deepEqual([(await call(api.at, '/v1/old')).status, (await call(api.at, '/v1/new')).status], [404, 200]);
  assert.equal((await house.v2.send(new GetDeploymentsCommand({ ApiId: api.id }))).Items!.length, 2);
});

test('pages of other sites are answered by the rules alone', async () => {
  const CorsConfiguration = {
    ...{ AllowOrigins: ['https://www.example.com', 'http://*'], AllowMethods: ['GET', 'POST'], AllowHeaders: ['x-a'] },
    ...{ ExposeHeaders: ['date'], MaxAge: 300, AllowCredentials: true },
  };
  const api = await makeApi({ Target: echo, CorsConfiguration });
  const origin = 'https://www.example.com';
  const asked = await call(api.at, '/any', {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET' },
  });
  assert.equal(asked.status, 204);
  const { headers } = asked;
  assert.deepEqual(
    ['origin', 'methods', 'headers', 'credentials'].map((name) => headers[`access-control-allow-${name}`]),
    [origin, 'GET,POST', 'x-a', 'true'],
  );
  assert.equal(headers['access-control-max-age'], '300');
  const got = await call(api.at, '/any', { headers: { origin: 'http://localhost:3000' } });
  assert.deepEqual([got.status, got.headers['access-control-allow-origin']], [200, 'http://localhost:3000']);
  const evil = await call(api.at, '/any', { headers: { origin: 'https://evil.example' } });
  assert.equal(evil.status, 403, 'nobody has to prove anything in dev');
  assert.equal((await call(api.at, '/any')).headers['access-control-allow-origin'], undefined);
});

test('routes and stages are throttled by token buckets', async () => {
  const api = await makeApi();
  const integration = await api.integrate();
  for (const key of ['GET /a', 'GET /b']) await api.route(key, integration);
  await api.stage({
    DefaultRouteSettings: { ThrottlingBurstLimit: 50, ThrottlingRateLimit: 1000 },
    RouteSettings: { 'GET /a': { ThrottlingBurstLimit: 2, ThrottlingRateLimit: 0.001 } },
  });
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await call(api.at, '/a')).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.equal((await call(api.at, '/a')).body, '{"message":"Too Many Requests"}');
  assert.equal((await call(api.at, '/b')).status, 200, 'each route has its own');
  await house.v2.send(
    new UpdateStageCommand({
      ApiId: api.id,
      StageName: '$default',
      RouteSettings: { 'GET /b': { ThrottlingRateLimit: 0, ThrottlingBurstLimit: 0 } },
    }),
  );
  assert.equal((await call(api.at, '/b')).status, 429, '0 lets nobody in');
});

test('simple answers of an authorizer are kept for who asks with the same identity', async () => {
  const api = await makeApi();
  const integration = await api.integrate();
  const AuthorizerId = await api.authorizer({
    ...{ AuthorizerUri: authorize, AuthorizerPayloadFormatVersion: '2.0', EnableSimpleResponses: true },
    AuthorizerResultTtlInSeconds: 300,
  });
  for (const key of ['GET /a', 'GET /b'])
    await api.route(key, integration, { AuthorizationType: 'CUSTOM', AuthorizerId });
  await api.stage();
  const at = (path: string, key?: string) => call(api.at, path, { headers: key === undefined ? {} : { key } });
  const missing = await at('/a');
  assert.deepEqual([missing.status, missing.body], [401, '{"message":"Unauthorized"}']);
  const first = (await at('/a', 'open')).json().requestContext.authorizer.lambda;
  assert.deepEqual(
    [first.identity, first.routeArn],
    [['open'], `arn:aws:execute-api:us-east-1:000000000000:${api.id}/$default/GET/a`],
  );
  const second = (await at('/b', 'open')).json().requestContext.authorizer.lambda;
  assert.equal(second.calls, first.calls, 'a simple answer holds for every route');
  await house.v2.send(new ResetAuthorizersCacheCommand({ ApiId: api.id, StageName: '$default' }));
  assert.equal((await at('/a', 'open')).json().requestContext.authorizer.lambda.calls, first.calls + 1);
  assert.deepEqual([(await at('/a', 'shut')).status, (await at('/a', 'throws')).status], [403, 401]);
  for (const key of ['breaks', 'odd']) assert.equal((await at('/a', key)).status, 500);
});

test('policies of an authorizer are asked for each route', async () => {
  const api = await makeApi();
  const integration = await api.integrate({ PayloadFormatVersion: '1.0' });
  const AuthorizerId = await api.authorizer({
    ...{ AuthorizerUri: authorize, AuthorizerPayloadFormatVersion: '1.0', AuthorizerResultTtlInSeconds: 300 },
  });
  for (const key of ['GET /allowed/{x}', 'GET /other']) {
    await api.route(key, integration, { AuthorizationType: 'CUSTOM', AuthorizerId });
  }
  await api.stage();
  const headers = { key: 'x' };
  const allowed = (await call(api.at, '/allowed/1', { headers })).json();
  assert.deepEqual(
    [allowed.requestContext.authorizer.principalId, typeof allowed.requestContext.authorizer.calls],
    ['me', 'string'],
  );
  assert.equal((await call(api.at, '/other', { headers })).status, 403, 'the kept policy says nothing of this route');
});

test('JSON Web Tokens are taken from the issuer alone, whatever a hostile one says of itself', async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const other = await generateKeyPair('RS256', { extractable: true });
  const publicJwk = await exportJWK(pair.publicKey);
  keys = [{ ...publicJwk, kid: 'one', alg: 'RS256', use: 'sig' }];
  const api = await makeApi();
  const integration = await api.integrate();
  const AuthorizerId = await api.authorizer({
    ...{ AuthorizerType: 'JWT', IdentitySource: ['$request.header.Authorization'] },
    JwtConfiguration: { Issuer: issuerUrl, Audience: ['me', 'you'] },
  });
  const AuthorizationType = 'JWT';
  await api.route('GET /any', integration, { AuthorizationType, AuthorizerId });
  await api.route('GET /scoped', integration, {
    AuthorizationType,
    AuthorizerId,
    AuthorizationScopes: ['read', 'write'],
  });
  await api.stage();
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuerUrl, aud: 'me', exp: now + 600, sub: 'them', roles: ['a', 'b'], scope: 'read else' };
  const sign = (more: object = {}, head: object = {}, key: Parameters<SignJWT['sign']>[0] = pair.privateKey) =>
    new SignJWT({ ...claims, ...more } as never).setProtectedHeader({ alg: 'RS256', kid: 'one', ...head }).sign(key);
  const ask = (token: string, path = '/any') => call(api.at, path, { headers: { authorization: token } });

  const good = await ask(`Bearer ${await sign()}`);
  const { jwt } = good.json().requestContext.authorizer;
  assert.deepEqual(
    [jwt.claims.sub, jwt.claims.roles, jwt.claims.exp, jwt.scopes],
    ['them', '[a b]', String(now + 600), null],
  );
  assert.equal((await ask(await sign())).status, 200, 'the word Bearer may be missing');
  assert.equal((await ask(await sign({ aud: undefined, client_id: 'you' }))).status, 200);
  const scoped = await ask(await sign(), '/scoped');
  assert.deepEqual(scoped.json().requestContext.authorizer.jwt.scopes, ['read', 'else']);
  const refused = await ask(await sign({ scope: 'else' }), '/scoped');
  assert.deepEqual([refused.status, refused.body], [403, '{"message":"Forbidden"}']);
  assert.match(refused.headers['www-authenticate']!, /error="insufficient_scope"/);

  const [head, payload, signature] = (await sign()).split('.') as [string, string, string];
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const secret = new TextEncoder().encode(JSON.stringify(publicJwk));
  const hostile: Record<string, string> = {
    'no algorithm': `${encoded({ alg: 'none', kid: 'one' })}.${payload}.`,
    'no algorithm, with the signature': `${encoded({ alg: 'none', kid: 'one' })}.${payload}.${signature}`,
    'the public key as a secret': await sign({}, { alg: 'HS256' }, secret),
    'other claims under the signature': `${head}.${encoded({ ...claims, sub: 'admin' })}.${signature}`,
    'a key of its own in the header': await sign({}, { jwk: await exportJWK(other.publicKey) }, other.privateKey),
    'a key set of its own': await sign({}, { jku: 'http://127.0.0.1:1/keys', kid: 'one' }, other.privateKey),
    'no key id': await sign({}, { kid: undefined }),
    'an unknown key': await sign({}, { kid: 'two' }, other.privateKey),
    'another issuer': await sign({ iss: 'https://evil.example' }),
    'another audience': await sign({ aud: 'them' }),
    'an audience that stands over the client': await sign({ aud: 'them', client_id: 'me' }),
    'no audience': await sign({ aud: undefined }),
    'an end that has come': await sign({ exp: now - 1 }),
    'no end': await sign({ exp: undefined }),
    'an end that is text': await sign({ exp: String(now + 600) as never }),
    'a beginning to come': await sign({ nbf: now + 600 }),
    'an issue to come': await sign({ iat: now + 600 }),
    'no token': 'Bearer ',
    nonsense: 'a.b.c',
    'a very long one': `Bearer ${'e'.repeat(9_000)}`,
  };
  for (const [what, token] of Object.entries(hostile)) {
    const answer = await ask(token);
    assert.deepEqual([answer.status, answer.body], [401, '{"message":"Unauthorized"}'], what);
  }
  const before = keyReads;
  for (let i = 0; i < 5; i++) await ask(await sign({}, { kid: `unknown-${i}` }, other.privateKey));
  assert.ok(keyReads - before <= 1, 'tokens cannot make the node ask the issuer again and again');
});

test('an issuer that cannot be reached lets nobody in', async () => {
  const pair = await generateKeyPair('RS256');
  const api = await makeApi();
  const integration = await api.integrate();
  const own = house.node.endpoint;
  for (const [index, Issuer] of ['http://127.0.0.1:1', own].entries()) {
    const JwtConfiguration = { Issuer, Audience: ['me'] };
    const IdentitySource = ['$request.querystring.token'];
    const AuthorizerId = await api.authorizer({
      Name: `a${index}`,
      AuthorizerType: 'JWT',
      IdentitySource,
      JwtConfiguration,
    });
    await api.route(`GET /${index}`, integration, { AuthorizationType: 'JWT', AuthorizerId });
  }
  await api.stage();
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(pair.privateKey);
  assert.equal((await call(api.at, `/0?token=${token}`)).status, 401);
  assert.equal((await call(api.at, `/1?token=${token}`)).status, 401, 'the node does not call itself');
});

test('requests go on to other servers, and their paths cannot leave the address', async () => {
  const api = await makeApi();
  const proxy = (uri: string, more: object = {}) =>
    api.integrate({
      IntegrationType: 'HTTP_PROXY',
      IntegrationMethod: 'ANY',
      IntegrationUri: uri,
      PayloadFormatVersion: '1.0',
      ...more,
    });
  await api.route('ANY /pets/{proxy+}', await proxy(`${upstreamUrl}/base/{proxy}`));
  await api.route('GET /tea', await proxy(`${upstreamUrl}/teapot`));
  await api.route('GET /slow', await proxy(`${upstreamUrl}/slow`, { TimeoutInMillis: 60 }));
  await api.route('GET /gone', await proxy('http://127.0.0.1:1/'));
  await api.route('GET /self', await proxy(`${house.node.endpoint}/_millrace/health`));
  await api.route('$default', await proxy(`${upstreamUrl}/`));
  await api.stage();
  const got = await call(
    api.at,
    '/pets/a%20b/c?x=1&y=%20',
    { method: 'PUT', headers: { 'x-own': 'v', connection: 'close, x-hop', 'x-hop': '1' } },
    'body',
  );
  const { method, url, headers, body } = got.json();
  assert.deepEqual(
    [method, url, body, headers['x-own'], headers['x-hop']],
    ['PUT', '/base/a%20b/c?x=1&y=%20', 'body', 'v', undefined],
  );
  assert.match(headers.forwarded, /^for=127\.0\.0\.1;host=.*;proto=http$/);
  assert.equal(headers.host, new URL(upstreamUrl).host);
  assert.deepEqual([got.headers['x-from'], got.headers['set-cookie']], ['upstream', ['a=1', 'b=2']]);
  assert.equal((await call(api.at, '/other/path?q')).json().url, '/other/path?q', 'the whole path, of $default');
  assert.equal((await call(api.at, '/tea')).status, 418);
  for (const path of ['/pets/%2e%2e/secret', '/pets/..%2fsecret', '/pets/a/%2e%2e/%2e%2e/b']) {
    assert.equal((await call(api.at, path)).status, 400, path);
  }
  assert.equal((await call(api.at, '/pets/a%3Fb%23c')).json().url, '/base/a%3Fb%23c');
  for (const path of ['/slow', '/gone', '/self']) {
    const failed = await call(api.at, path);
    assert.deepEqual([failed.status, failed.body], [503, '{"message":"Service Unavailable"}'], path);
  }
});

test('parameters are mapped on the way in and out', async () => {
  const api = await makeApi();
  const RequestParameters = {
    'append:header.x-own': '$request.querystring.a',
    'overwrite:header.x-sum': '${request.header.x-one}-${context.apiId}-${stageVariables.v}',
    'remove:querystring.a': "''",
    'append:querystring.b': '$request.body.pets[0].name',
    'overwrite:path': '/changed/$request.path.id',
  };
  const integration = await api.integrate({
    ...{
      IntegrationType: 'HTTP_PROXY',
      IntegrationMethod: 'POST',
      IntegrationUri: upstreamUrl,
      PayloadFormatVersion: '1.0',
    },
    RequestParameters: { ...RequestParameters, 'overwrite:path': '/changed/${request.path.id}' },
    ResponseParameters: {
      '200': {
        'overwrite:statuscode': '202',
        'append:header.x-from': '$context.requestId',
        'overwrite:header.x-method': '$response.body.method',
        'remove:header.set-cookie': "''",
      },
    },
  });
  await api.route('POST /in/{id}', integration);
  await api.stage({ StageVariables: { v: 'V' } });
  const body = JSON.stringify({ pets: [{ name: 'rex' }] });
  const got = await call(
    api.at,
    '/in/7?a=1&c=2',
    { method: 'POST', headers: { 'x-one': '1', 'content-type': 'application/json' } },
    body,
  );
  const { url, headers } = got.json();
  assert.equal(url, '/changed/7?c=2&b=rex');
  assert.deepEqual([headers['x-own'], headers['x-sum']], ['1', `1-${api.id}-V`]);
  assert.deepEqual([got.status, got.headers['x-method'], got.headers['set-cookie']], [202, 'POST', undefined]);
  assert.match(String(got.headers['x-from']), /^upstream,.{16}$/);
  await house.v2.send(
    new UpdateIntegrationCommand({
      ApiId: api.id,
      IntegrationId: integration,
      RequestParameters: { 'remove:querystring.a': '' },
    }),
  );
  assert.match((await call(api.at, '/in/7?a=1', { method: 'POST' })).json().url, /a=1/, 'an empty entry goes');
});

test('access logs say what the format asks, and a client cannot write lines of its own', async () => {
  const logs = new CloudWatchLogsClient({
    endpoint: house.node.endpoint,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  });
  await logs.send(new CreateLogGroupCommand({ logGroupName: 'apis' }));
  const api = await makeApi({ Target: echo });
  const Format =
    '{"id":"$context.requestId","ip":"$context.identity.sourceIp","agent":"$context.identity.userAgent","route":"$context.routeKey","status":"$context.status","length":"$context.responseLength","none":"$context.authorizer.x"}';
  await house.v2.send(
    new UpdateStageCommand({
      ...{ ApiId: api.id, StageName: '$default' },
      AccessLogSettings: { DestinationArn: 'arn:aws:logs:us-east-1:000000000000:log-group:apis', Format },
    }),
  );
  const got = await call(api.at, '/x', { headers: { 'user-agent': 'a","status":"999' } });
  let message: string | undefined;
  while (message === undefined) {
    const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName: 'apis' }));
    message = events?.[0]?.message;
  }
  const length = String(got.bytes.length);
  assert.deepEqual(JSON.parse(message), {
    ...{
      id: got.headers['apigw-requestid'],
      ip: '127.0.0.1',
      agent: 'a","status":"999',
      route: '$default',
      status: '200',
    },
    ...{ length, none: '-' },
  });
  logs.destroy();
});

test('an API is imported from OpenAPI, exported, and imported again', async () => {
  const definition = {
    openapi: '3.0.1',
    info: { title: 'pets', version: '7' },
    paths: {
      '/pets/{id}': {
        get: {
          security: [{ jwt: ['read'] }],
          'x-amazon-apigateway-integration': { $ref: '#/components/x-amazon-apigateway-integrations/echo' },
        },
        'x-amazon-apigateway-any-method': {
          'x-amazon-apigateway-integration': { $ref: '#/components/x-amazon-apigateway-integrations/echo' },
        },
      },
      '/$default': {
        'x-amazon-apigateway-any-method': {
          isDefaultRoute: true,
          'x-amazon-apigateway-integration': {
            type: 'http_proxy',
            httpMethod: 'ANY',
            uri: upstreamUrl,
            payloadFormatVersion: '1.0',
          },
        },
      },
    },
    components: {
      securitySchemes: {
        jwt: {
          type: 'oauth2',
          'x-amazon-apigateway-authorizer': {
            ...{ type: 'jwt', identitySource: '$request.header.Authorization' },
            jwtConfiguration: { issuer: issuerUrl, audience: ['me'] },
          },
        },
      },
      'x-amazon-apigateway-integrations': {
        echo: {
          ...{ type: 'aws_proxy', httpMethod: 'POST', payloadFormatVersion: '2.0' },
          uri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${echo}/invocations`,
        },
      },
    },
    'x-amazon-apigateway-cors': { allowOrigins: ['*'] },
  };
  const { v2 } = house;
  const api = await v2.send(new ImportApiCommand({ Body: JSON.stringify(definition) }));
  assert.deepEqual([api.Name, api.Version, api.CorsConfiguration], ['pets', '7', { AllowOrigins: ['*'] }]);
  const { ApiId } = api;
  await v2.send(new CreateStageCommand({ ApiId, StageName: '$default', AutoDeploy: true }));
  assert.equal((await call(api.ApiEndpoint!, '/pets/7', { method: 'POST' })).json().routeKey, 'ANY /pets/{id}');
  assert.equal((await call(api.ApiEndpoint!, '/pets/7')).status, 401);
  assert.equal((await call(api.ApiEndpoint!, '/else')).json().url, '/else');
  const exported = await v2.send(new ExportApiCommand({ ApiId, Specification: 'OAS30', OutputType: 'YAML' }));
  const again = Buffer.from(exported.body!).toString();
  await v2.send(new ReimportApiCommand({ ApiId, Body: again }));
  const routes = (await v2.send(new GetRoutesCommand({ ApiId }))).Items!.map(({ RouteKey, AuthorizationScopes }) => [
    RouteKey,
    AuthorizationScopes,
  ]);
  assert.deepEqual(routes.sort(), [
    ['$default', undefined],
    ['ANY /pets/{id}', undefined],
    ['GET /pets/{id}', ['read']],
  ]);
  await assert.rejects(v2.send(new ImportApiCommand({ Body: '{"swagger":"2.0"}' })), { name: 'BadRequestException' });
  await assert.rejects(v2.send(new ImportApiCommand({ Body: '{' })), { name: 'BadRequestException' });
});

test('a domain name leads to stages by the longest path', async () => {
  const api = await makeApi({ Target: echo });
  const { v2 } = house;
  const DomainName = 'api.plant.example';
  await v2.send(
    new CreateDomainNameCommand({
      DomainName,
      DomainNameConfigurations: [{ CertificateArn: 'arn:aws:acm:us-east-1:000000000000:certificate/x' }],
    }),
  );
  await v2.send(new CreateStageCommand({ ApiId: api.id, StageName: 'v2', AutoDeploy: true }));
  await v2.send(new CreateApiMappingCommand({ DomainName, ApiId: api.id, Stage: '$default' }));
  await v2.send(new CreateApiMappingCommand({ DomainName, ApiId: api.id, Stage: 'v2', ApiMappingKey: 'orders/v2' }));
  const port = new URL(house.node.endpoint).port;
  const at = `http://${DomainName}.localhost:${port}`;
  const root = (await call(at, '/orders/x')).json();
  assert.deepEqual([root.rawPath, root.requestContext.stage], ['/orders/x', '$default']);
  const mapped = (await call(at, '/orders/v2/x')).json();
  assert.deepEqual(
    [mapped.rawPath, mapped.requestContext.stage, mapped.requestContext.domainPrefix],
    ['/orders/v2/x', 'v2', 'api'],
  );
});

test('requests that two readers could read in two ways, and those that are too large, go no further', async () => {
  const api = await makeApi({ Target: echo });
  const { hostname, port } = new URL(api.at);
  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
      let got = '';
      socket.on('data', (data) => (got += data));
      socket.on('end', () => resolve(got));
      socket.on('error', reject);
    });
  const head = (lines: string[]) =>
    `${['POST /x HTTP/1.1', `Host: ${hostname}`, ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`;
  const both = await raw(
    `${head(['Content-Length: 4', 'Transfer-Encoding: chunked'])}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  assert.match(both, /^HTTP\/1\.1 400 /);
  assert.match(await raw(`${head(['Content-Length: 1', 'Content-Length: 2'])}ab`), /^HTTP\/1\.1 400 /);
  const spoofed = await raw(
    `${head(['X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Proto: https', 'X-Amzn-Trace-Id: x', 'Content-Length: 0'])}`,
  );
  const event = JSON.parse(spoofed.slice(spoofed.indexOf('\r\n\r\n') + 4));
  assert.deepEqual(
    [event.headers['x-forwarded-for'], event.headers['x-forwarded-proto']],
    ['10.0.0.1, 127.0.0.1', 'http'],
  );
  assert.equal(event.requestContext.http.sourceIp, '127.0.0.1');
  assert.equal((await call(api.at, '/x', { headers: { 'x-big': 'x'.repeat(10_300) } })).status, 431);
  const large = await call(
    api.at,
    '/x',
    { method: 'POST', headers: { 'content-length': String(11 * 1024 * 1024) } },
    'x',
  );
  assert.deepEqual([large.status, large.body], [413, '{"message":"Request Entity Too Large"}']);
  const proto = (await call(api.at, '/x?__proto__=1&constructor=2', { headers: { constructor: '1' } })).json();
  assert.equal(proto.queryStringParameters.constructor, '2');
});

test('a route with IAM authorization is for who signs', async () => {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const api = await makeApi();
  const integration = await api.integrate();
  await api.route('GET /signed', integration, { AuthorizationType: 'AWS_IAM' });
  await api.stage();
  assert.equal((await call(api.at, '/signed')).status, 403);
  const sign = async (service: string) => {
    const signer = new SignatureV4({ service, region: 'us-east-1', credentials: CREDENTIALS, sha256: Sha256 as never });
    const { host } = new URL(api.at);
    const request = { method: 'GET', protocol: 'http:', hostname: host, path: '/signed', headers: { host } };
    return (await signer.sign(request)).headers;
  };
  const { iam } = (await call(api.at, '/signed', { headers: await sign('execute-api') })).json().requestContext
    .authorizer;
  assert.deepEqual(
    [iam.accessKey, iam.accountId, iam.cognitoIdentity],
    [CREDENTIALS.accessKeyId, '000000000000', null],
  );
  assert.equal((await call(api.at, '/signed', { headers: await sign('lambda') })).status, 403);
});
