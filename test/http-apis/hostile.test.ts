/* Requests that mean no good: of two readings, with headers within headers, with tokens that name the wrong key. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import * as v1 from '@aws-sdk/client-api-gateway';
import * as v2 from '@aws-sdk/client-apigatewayv2';
import { CompactSign, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { call, ECHO, type House, openHouse } from './support.ts';

let house: House;
let echo: string;
let upstream: Server;
let upstreamUrl: string;
/** Requests that have come to the server behind the APIs, as it has read them. */
let arrived: Arrived[] = [];
let issuers: readonly Issuer[];

interface Arrived {
  readonly url: string;
  readonly headers: readonly string[];
}

interface Issuer {
  readonly url: string;
  readonly server: Server;
  keys: JWK[];
}

const firstArrived = (): Arrived => arrived[0]!;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function makeIssuer(): Promise<Issuer> {
  const server = createServer((request, response) => {
    const about = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` };
    response.end(JSON.stringify(request.url === '/keys' ? { keys: issuer.keys } : about));
  });
  const issuer: Issuer = { url: await listening(server), server, keys: [] };
  return issuer;
}

before(async () => {
  house = await openHouse();
  echo = await house.makeFunction('echo', ECHO);
  issuers = [await makeIssuer(), await makeIssuer()];
  upstream = createServer((request, response) => {
    arrived.push({ url: request.url!, headers: request.rawHeaders });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ split: 'a\r\nset-cookie: evil=1', plain: 'fine' }));
  });
  upstreamUrl = await listening(upstream);
});

after(async () => {
  await house?.[Symbol.asyncDispose]();
  for (const server of [upstream, ...(issuers ?? []).map((issuer) => issuer.server)]) {
    server?.closeAllConnections();
    server?.close();
  }
});

/** Sends bytes as they are and gives all that comes back until the node closes. */
function raw(port: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text, 'latin1'));
    let got = '';
    socket.setEncoding('latin1');
    socket.on('data', (data) => (got += data));
    socket.on('close', () => resolve(got));
    socket.on('error', (error: NodeJS.ErrnoException) => error.code === 'ECONNRESET' || reject(error));
  });
}

test('a request that two readers could read in two ways is answered once, by a refusal', async () => {
  const { ApiEndpoint } = await house.v2.send(
    new v2.CreateApiCommand({ Name: 'one', ProtocolType: 'HTTP', Target: echo }),
  );
  const { host, port } = new URL(ApiEndpoint!);
  const hidden = `GET /hidden HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const head = (...lines: string[]) => `${['POST /x HTTP/1.1', `Host: ${host}`, ...lines].join('\r\n')}\r\n\r\n`;
  const chunked = 'Transfer-Encoding: chunked';
  const ways: Record<string, string> = {
    'a length beside chunks': `${head('Content-Length: 4', chunked)}0\r\n\r\n${hidden}`,
    'chunks beside a length': `${head(chunked, 'Content-Length: 4')}0\r\n\r\n${hidden}`,
    'two lengths': `${head('Content-Length: 0', `Content-Length: ${hidden.length}`)}${hidden}`,
    'two lengths in one line': `${head(`Content-Length: 0, ${hidden.length}`)}${hidden}`,
    'a length with a sign': `${head('Content-Length: +0')}${hidden}`,
    'a length below nothing': `${head('Content-Length: -1')}${hidden}`,
    'a length in hexadecimal': `${head(`Content-Length: 0x${hidden.length.toString(16)}`)}${hidden}`,
    'a space before the colon': `${head('Transfer-Encoding : chunked')}0\r\n\r\n${hidden}`,
    'an encoding that only begins so': `${head('Transfer-Encoding: xchunked')}0\r\n\r\n${hidden}`,
    'chunks that are not the last encoding': `${head('Transfer-Encoding: chunked, identity')}0\r\n\r\n${hidden}`,
    'an encoding behind a control character': `${head('Transfer-Encoding: \x0bchunked')}0\r\n\r\n${hidden}`,
    'a header that is folded': `${head('X-A: 1', ' Transfer-Encoding: chunked')}0\r\n\r\n${hidden}`,
    'a line that ends without its return': `POST /x HTTP/1.1\nHost: ${host}\n${chunked}\n\n0\r\n\r\n${hidden}`,
    'a return without the end of a line': `${head(`X-A: 1\r${chunked}`)}0\r\n\r\n${hidden}`,
    'a chunk without a size': `${head(chunked)}z\r\n\r\n${hidden}`,
    'a chunk of a size beyond all numbers': `${head(chunked)}fffffffffffffffff1\r\n\r\n${hidden}`,
    'a chunk with a sign': `${head(chunked)}-1\r\n\r\n${hidden}`,
    'a chunk that is longer than it says': `${head(chunked)}1\r\nab\r\n0\r\n\r\n${hidden}`,
    'a name that is none': `${head('Transfer-Encoding\x00: chunked')}0\r\n\r\n${hidden}`,
  };
  for (const [what, text] of Object.entries(ways)) {
    const got = await raw(port, text);
    assert.equal(got.match(/HTTP\/1\.1 /g)?.length, 1, `${what}: ${got}`);
    assert.match(got, /^HTTP\/1\.1 400 /, what);
  }
  const both = await raw(port, `${head('Content-Length: 0')}${hidden}`);
  assert.deepEqual(both.match(/"rawPath":"[^"]*"/g), ['"rawPath":"/x"', '"rawPath":"/hidden"'], 'two requests are two');
});

test('what a client writes does not become a header of its own, on the way in or out', async () => {
  const { ApiId, ApiEndpoint } = await house.v2.send(new v2.CreateApiCommand({ Name: 'map', ProtocolType: 'HTTP' }));
  const route = async (path: string, more: Partial<v2.CreateIntegrationCommandInput>) => {
    const { IntegrationId } = await house.v2.send(
      new v2.CreateIntegrationCommand({
        ...{ ApiId, IntegrationType: 'HTTP_PROXY', IntegrationMethod: 'ANY', IntegrationUri: `${upstreamUrl}/base` },
        ...{ PayloadFormatVersion: '1.0', ...more },
      }),
    );
    await house.v2.send(
      new v2.CreateRouteCommand({ ApiId, RouteKey: `ANY ${path}`, Target: `integrations/${IntegrationId}` }),
    );
  };
  await route('/query', { RequestParameters: { 'append:header.x-a': '$request.querystring.a' } });
  await route('/path/{id}', { RequestParameters: { 'overwrite:header.x-a': 'v-${request.path.id}' } });
  await route('/body', { RequestParameters: { 'append:header.x-a': '$request.body.a' } });
  await route('/more', { RequestParameters: { 'append:querystring.b': '$request.querystring.a' } });
  await route('/to/{id}', { RequestParameters: { 'overwrite:path': '/base/${request.path.id}' } });
  await route('/out', { ResponseParameters: { 200: { 'append:header.x-a': '$response.body.split' } } });
  await house.v2.send(new v2.CreateStageCommand({ ApiId, StageName: '$default', AutoDeploy: true }));
  const at = ApiEndpoint!;
  const split = 'a%0d%0aevil:%201';
  const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const refused: Record<string, () => ReturnType<typeof call>> = {
    'from the query': () => call(at, `/query?a=${split}`),
    'from the path': () => call(at, `/path/${split}`),
    'from the body': () => call(at, '/body', post, JSON.stringify({ a: 'a\r\nevil: 1' })),
    'a line end alone': () => call(at, '/query?a=a%0aevil:%201'),
    'a zero byte': () => call(at, '/query?a=a%00b'),
  };
  for (const [what, ask] of Object.entries(refused)) {
    arrived = [];
    assert.deepEqual([(await ask()).status, arrived], [500, []], what);
  }
  const out = await call(at, '/out');
  assert.deepEqual([out.status, out.headers['set-cookie'], out.headers['x-a']], [500, undefined, undefined]);
  arrived = [];
  assert.equal((await call(at, '/more?a=1%26admin=1%20HTTP/1.1%0d%0aevil:%201')).status, 200);
  const { url, headers } = firstArrived();
  assert.deepEqual([...new URL(url, upstreamUrl).searchParams.keys()], ['a', 'b'], 'it stays one parameter');
  assert.ok(!headers.includes('evil'));
  arrived = [];
  assert.equal(
    (await call(at, '/to/..%2f..%2fadmin')).status,
    404,
    'an encoded slash parts segments, and no route has them',
  );
  assert.equal((await call(at, '/to/%2e%2e')).status, 400);
  assert.deepEqual(arrived, []);
  assert.equal((await call(at, '/to/a%3fadmin=1%23')).status, 200);
  assert.equal(firstArrived().url, '/base/a%3Fadmin%3D1%23');
});

test('nor in a REST API', async () => {
  const { v1: client } = house;
  const { id: restApiId, rootResourceId: resourceId } = await client.send(new v1.CreateRestApiCommand({ name: 'map' }));
  const named = { restApiId, resourceId, httpMethod: 'GET' };
  const requestParameters = { 'method.request.querystring.a': false };
  await client.send(new v1.PutMethodCommand({ ...named, authorizationType: 'NONE', requestParameters }));
  await client.send(
    new v1.PutMethodResponseCommand({
      ...{ ...named, statusCode: '200' },
      responseParameters: { 'method.response.header.x-a': false, 'method.response.header.x-b': false },
    }),
  );
  await client.send(
    new v1.PutIntegrationCommand({
      ...{ ...named, type: 'HTTP', integrationHttpMethod: 'GET', uri: upstreamUrl },
      requestParameters: { 'integration.request.header.x-a': 'method.request.querystring.a' },
    }),
  );
  await client.send(
    new v1.PutIntegrationResponseCommand({
      ...{ ...named, statusCode: '200' },
      responseParameters: {
        'method.response.header.x-a': 'integration.response.body.split',
        'method.response.header.x-b': 'integration.response.body.plain',
      },
      responseTemplates: {
        'application/json': `#set($context.responseOverride.header.x-c = $input.path('$.split')){"a": "b"}`,
      },
    }),
  );
  await client.send(new v1.CreateDeploymentCommand({ restApiId, stageName: 'dev' }));
  const { port } = new URL(house.node.endpoint);
  const at = `http://${restApiId}.execute-api.us-east-1.localhost:${port}`;
  arrived = [];
  const refused = await call(at, '/dev?a=a%0d%0aevil:%201');
  assert.ok(refused.status >= 500, String(refused.status));
  assert.deepEqual(arrived, []);
  const out = await call(at, '/dev?a=1');
  const { 'x-a': a, 'x-b': b, 'x-c': c, 'set-cookie': cookie } = out.headers;
  assert.deepEqual([out.status, a, b, c, cookie], [200, undefined, 'fine', undefined, undefined]);
});

test('a token is checked by the one key that it names, which must be for that, and of that issuer', async () => {
  const [own, other] = issuers as [Issuer, Issuer];
  const extractable = { extractable: true };
  const rsa = await generateKeyPair('RS256', extractable);
  const foreign = await generateKeyPair('RS256', extractable);
  const forEncryption = await generateKeyPair('RS256', extractable);
  const elliptic = await generateKeyPair('ES256', extractable);
  const secret = new TextEncoder().encode('a secret that the issuer has shown to everybody');
  own.keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' },
    { ...(await exportJWK(forEncryption.publicKey)), kid: 'enc', use: 'enc' },
    { ...(await exportJWK(elliptic.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' },
    { kty: 'oct', k: Buffer.from(secret).toString('base64url'), kid: 'oct' },
  ];
  other.keys = [{ ...(await exportJWK(foreign.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }];

  const { ApiId, ApiEndpoint } = await house.v2.send(new v2.CreateApiCommand({ Name: 'jwt', ProtocolType: 'HTTP' }));
  const { IntegrationId } = await house.v2.send(
    new v2.CreateIntegrationCommand({
      ...{ ApiId, IntegrationType: 'AWS_PROXY', IntegrationUri: echo, PayloadFormatVersion: '2.0' },
    }),
  );
  for (const [index, { url }] of issuers.entries()) {
    const { AuthorizerId } = await house.v2.send(
      new v2.CreateAuthorizerCommand({
        ...{ ApiId, Name: `issuer-${index}`, AuthorizerType: 'JWT', IdentitySource: ['$request.header.Authorization'] },
        JwtConfiguration: { Issuer: url, Audience: ['me'] },
      }),
    );
    const Target = `integrations/${IntegrationId}`;
    const guarded = { AuthorizationType: 'JWT', AuthorizerId } as const;
    await house.v2.send(new v2.CreateRouteCommand({ ApiId, RouteKey: `GET /${index}`, Target, ...guarded }));
  }
  await house.v2.send(new v2.CreateStageCommand({ ApiId, StageName: '$default', AutoDeploy: true }));
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: own.url, aud: 'me', exp: now + 600 };
  type Key = Parameters<SignJWT['sign']>[0];
  const sign = (head: object = {}, key: Key = rsa.privateKey, more: object = {}) =>
    new SignJWT({ ...claims, ...more } as never)
      .setProtectedHeader({ alg: 'RS256', kid: 'one', ...head })
      .sign(key, { crit: { tracked: true } });
  const ask = (authorization: string, path = '/0') => call(ApiEndpoint!, path, { headers: { authorization } });
  const good = await sign();
  assert.equal((await ask(good)).status, 200);
  const [head, payload, signature] = good.split('.') as [string, string, string];
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  /** Signed with the issuer's own key, whatever stands in the header. */
  const withHead = async (header: object) => {
    const data = Buffer.from(`${encoded(header)}.${payload}`);
    const made = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', rsa.privateKey, data);
    return `${data}.${Buffer.from(made).toString('base64url')}`;
  };
  const hostile: Record<string, string> = {
    'a key that every object has': await withHead({ alg: 'RS256', kid: '__proto__' }),
    'a key that is a file': await withHead({ alg: 'RS256', kid: '../../../../dev/null' }),
    'a key that is a query': await withHead({ alg: 'RS256', kid: "one' OR '1'='1" }),
    'a key with an end in it': await withHead({ alg: 'RS256', kid: 'one\0' }),
    'a key of another case': await withHead({ alg: 'RS256', kid: 'ONE' }),
    'an empty key': await withHead({ alg: 'RS256', kid: '' }),
    'a list of keys': await withHead({ alg: 'RS256', kid: ['one'] }),
    'a key that is a number': await withHead({ alg: 'RS256', kid: 1 }),
    'no algorithm at all': await withHead({ kid: 'one' }),
    'an algorithm of another case': await withHead({ alg: 'rs256', kid: 'one' }),
    'none, in another case': `${encoded({ alg: 'nOnE', kid: 'one' })}.${payload}.`,
    'no signature': `${head}.${payload}.`,
    'two signatures': `${good}.${signature}`,
    'a part with what is no base64': `${head}.${payload}!.${signature}`,
    'an extension that nobody knows': await withHead({ alg: 'RS256', kid: 'one', crit: ['tracked'], tracked: true }),
    'a payload that is not encoded': await withHead({ alg: 'RS256', kid: 'one', crit: ['b64'], b64: false }),
    "the other issuer's key": await sign({}, foreign.privateKey),
    'a key for encryption': await sign({ kid: 'enc' }, forEncryption.privateKey),
    'a key of a kind that API Gateway does not take': await sign({ alg: 'ES256', kid: 'ec' }, elliptic.privateKey),
    'a secret among the keys': await sign({ alg: 'HS256', kid: 'oct' }, secret),
    'a secret under the name of a key': await sign({ alg: 'HS256' }, secret),
    'the public key of the issuer as secret': await sign(
      { alg: 'HS256' },
      new TextEncoder().encode(JSON.stringify(own.keys[0])),
    ),
    'an audience of another': await sign({}, rsa.privateKey, { aud: ['you'] }),
    'an audience that contains the right one': await sign({}, rsa.privateKey, { aud: 'me too' }),
    'an audience that is no text': await sign({}, rsa.privateKey, { aud: [{ me: 'me' }] }),
    'an issuer with more behind it': await sign({}, rsa.privateKey, { iss: `${own.url}/` }),
    'claims that are a list': await new CompactSign(Buffer.from(JSON.stringify([claims])))
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .sign(rsa.privateKey),
    'a good one behind another': `${head}.${payload}.${signature}, ${good}`,
  };
  for (const [what, token] of Object.entries(hostile)) {
    const answer = await ask(`Bearer ${token}`);
    assert.deepEqual([answer.status, answer.body], [401, '{"message":"Unauthorized"}'], what);
  }
  const twice = await call(ApiEndpoint!, '/0', {
    headers: { authorization: [`Bearer ${hostile['no signature']}`, `Bearer ${good}`] as never },
  });
  assert.equal(twice.status, 401, 'of two headers none is picked');
  assert.equal((await ask(good, '/1')).status, 401, 'each route asks its own issuer');
  const theirs = await sign({}, foreign.privateKey, { iss: other.url });
  assert.deepEqual([(await ask(theirs, '/1')).status, (await ask(theirs, '/0')).status], [200, 401]);
});
