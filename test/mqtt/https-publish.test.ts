import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { IoTDataPlaneClient, PublishCommand } from '@aws-sdk/client-iot-data-plane';
import { SignatureV4 } from '@smithy/signature-v4';
import mqttjs, { type IPublishPacket, type MqttClient } from 'mqtt';
import { WebSocket } from 'ws';
import { Sha256 } from '../support/sha256.ts';
import { openSecureRig, ROOT_KEYS, SESSION_ENDS_AT, SESSION_KEYS, type SecureRig } from './secure-rig.ts';

let secure: SecureRig;
let watcher: MqttClient;

before(async () => {
  secure = await openSecureRig();
  const { cert, key } = secure.device;
  watcher = await mqttjs.connectAsync(`mqtts://localhost:${secure.mqtts}`, {
    ...{ ca: secure.authority.authority.cert, cert, key },
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  await watcher.subscribeAsync('tests/#', { qos: 1 });
});

after(async () => {
  await watcher.endAsync();
  await secure[Symbol.asyncDispose]();
});

function messageOn(topic: string): Promise<IPublishPacket> {
  return new Promise((resolve) => {
    watcher.on('message', (on, _payload, packet) => on === topic && resolve(packet));
  });
}

interface Post {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly withCertificate?: boolean;
  readonly alpn?: string;
  readonly method?: string;
}

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly contentType: string | undefined;
  readonly requestId: string;
  readonly body: string;
}

function post(path: string, { headers = {}, body = '', withCertificate = true, alpn, method = 'POST' }: Post = {}) {
  const { cert, key } = secure.device;
  return new Promise<Answer>((resolve, reject) => {
    const sent = request(
      {
        ...{ host: 'localhost', port: secure.https, path, method, headers, agent: false },
        ca: secure.authority.authority.cert,
        ...(withCertificate && { cert, key }),
        ...(alpn !== undefined && { ALPNProtocols: [alpn] }),
      },
      (response) => {
        const type = response.headers['x-amzn-errortype'] as string | undefined;
        const { 'content-type': contentType, 'x-amzn-requestid': requestId } = response.headers;
        const head = { status: response.statusCode!, type, contentType, requestId: requestId as string };
        text(response).then((body) => resolve({ ...head, body }), reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

for (const alpn of [undefined, 'x-amzn-http-ca'] as const) {
  test(`a device publishes by HTTPS with its certificate (ALPN ${alpn ?? 'absent'})`, async () => {
    const got = messageOn('tests/https');
    const answer = await post('/topics/tests%2Fhttps?qos=1', { body: 'hello', ...(alpn !== undefined && { alpn }) });
    // As recorded of AWS: content-length is 65, and traceId the request's id.
    const { message, traceId, ...rest } = JSON.parse(answer.body);
    assert.deepEqual([answer.status, answer.contentType, message, rest], [200, 'application/json', 'OK', {}]);
    assert.deepEqual([traceId, answer.body.length], [answer.requestId, 65]);
    const { topic, payload, qos } = await got;
    assert.deepEqual([topic, payload.toString(), qos], ['tests/https', 'hello', 1]);
  });
}

test('everything that MQTT 5 has goes along', async () => {
  const got = messageOn('tests/all');
  const query = new URLSearchParams({
    qos: '1',
    contentType: 'text/plain',
    responseTopic: 'tests/answers',
    messageExpiry: '60',
  });
  const { status } = await post(`/topics/tests/all?${query}`, {
    body: 'x',
    headers: {
      'x-amz-mqtt5-user-properties': Buffer.from('[{"a":"1"},{"a":"2"}]').toString('base64'),
      'x-amz-mqtt5-correlation-data': Buffer.from('corr').toString('base64'),
      'x-amz-mqtt5-payload-format-indicator': 'UTF8_DATA',
    },
  });
  assert.equal(status, 200);
  const { properties, topic } = await got;
  assert.equal(topic, 'tests/all');
  assert.deepEqual(
    { ...properties, userProperties: { ...properties?.userProperties } },
    {
      contentType: 'text/plain',
      responseTopic: 'tests/answers',
      messageExpiryInterval: 60,
      correlationData: Buffer.from('corr'),
      payloadFormatIndicator: true,
      userProperties: { a: ['1', '2'] },
    },
  );
});

test('what MQTT cannot carry is refused', async () => {
  const many = Array.from({ length: 501 }, () => '{"a":"1"}');
  const rows: readonly [query: string, headers: Record<string, string>][] = [
    ['responseTopic=a/%23', {}],
    ['contentType=a%00b', {}],
    ['messageExpiry=4294967296', {}],
    ['messageExpiry=-1', {}],
    ['qos=1', { 'x-amz-mqtt5-user-properties': Buffer.from(`[${many}]`).toString('base64') }],
  ];
  for (const [query, headers] of rows) {
    const { status, type } = await post(`/topics/tests/kept?retain=true&${query}`, { body: 'k', headers });
    assert.deepEqual([status, type], [400, 'InvalidRequestException'], query);
  }
});

test('policies decide what a device publishes by HTTPS, and what it retains', async () => {
  const other = await post('/topics/others/x?qos=1');
  assert.deepEqual([other.status, other.type], [403, 'ForbiddenException']);
  assert.equal((await post('/topics/tests/x?qos=1&retain=true')).status, 403);
  assert.equal((await post('/topics/tests/kept?qos=1&retain=true', { body: 'k' })).status, 200);
  assert.equal((await secure.rig.call('GetRetainedMessage', { topic: 'tests/kept' })).payload.toString(), 'k');
  assert.equal((await post('/topics/$SYS/x')).status, 403);
});

test('a device reaches nothing else by HTTPS', async () => {
  for (const [method, path] of [
    ['GET', '/retainedMessage/tests%2Fkept'],
    ['GET', '/things/a/shadow'],
    ['GET', '/_millrace/console'],
    ['GET', '/metrics'],
    ['GET', '/bucket/object'],
    ['GET', '/2015-03-31/functions'],
  ] as const) {
    const { status } = await post(path, { method });
    assert.ok(status === 403 || status === 501, `${method} ${path}: ${status}`);
  }
});

test('without a certificate, a token may do, and nothing may not', async () => {
  const token = await post('/topics/tests/token', { withCertificate: false, headers: { token: 'open' } });
  assert.equal(token.status, 200);
  const inQuery = await post('/topics/tests/token?token=open', { withCertificate: false });
  assert.equal(inQuery.status, 200);
  const nothing = await post('/topics/tests/token', { withCertificate: false });
  assert.deepEqual([nothing.status, nothing.type], [403, 'ForbiddenException']);
});

test('a rule knows who has published', async () => {
  await secure.rig.rule('who', "SELECT * FROM 'tests/who'", [
    { kinesis: { streamName: 's', partitionKey: '${principal()}', roleArn: 'arn:aws:iam::000000000000:role/r' } },
  ]);
  await post('/topics/tests/who', { body: '{}' });
  assert.deepEqual(
    secure.rig.streams.records.map(({ key }) => key),
    [secure.device.id],
  );
});

test('the AWS SDK publishes with a signature, and one of a key that nobody has is refused', async () => {
  const client = (credentials: typeof ROOT_KEYS) =>
    new IoTDataPlaneClient({
      endpoint: `https://localhost:${secure.https}`,
      region: 'eu-central-1',
      credentials,
      requestHandler: { httpsAgent: new Agent({ ca: secure.authority.authority.cert }) },
      maxAttempts: 1,
    });
  const got = messageOn('tests/signed');
  await client(ROOT_KEYS).send(new PublishCommand({ topic: 'tests/signed', qos: 1, payload: Buffer.from('s') }));
  assert.equal((await got).payload.toString(), 's');
  const wrong = client({ ...ROOT_KEYS, secretAccessKey: 'not-the-secret-of-this-key-but-another-one' });
  await assert.rejects(wrong.send(new PublishCommand({ topic: 'tests/signed' })), /signature/);
});

async function presigned(
  service: string,
  change: (query: URLSearchParams) => void = () => {},
  credentials: typeof ROOT_KEYS = ROOT_KEYS,
): Promise<string> {
  const signer = new SignatureV4({ service, region: 'eu-central-1', credentials, sha256: Sha256 as never });
  const host = `localhost:${secure.https}`;
  const plain = { method: 'GET', protocol: 'wss:', hostname: host, path: '/mqtt', query: {}, headers: { host } };
  const { query } = (await signer.presign(plain as never, { expiresIn: 60 })) as { query: Record<string, string> };
  const params = new URLSearchParams(query);
  change(params);
  return `wss://${host}/mqtt?${params}`;
}

function outcomeOf(url: string): Promise<number | 'open'> {
  const socket = new WebSocket(url, ['mqtt'], { ca: secure.authority.authority.cert });
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('open', () => {
      socket.terminate();
      resolve('open');
    });
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode!));
  });
}

test('a signed URL opens a WebSocket; a changed, expired or foreign one does not', async () => {
  assert.equal(await outcomeOf(await presigned('iotdevicegateway')), 'open');
  assert.equal(await outcomeOf(await presigned('s3')), 403);
  const changed = await presigned('iotdevicegateway', (query) => query.set('X-Amz-Expires', '600'));
  assert.equal(await outcomeOf(changed), 403);
  const old = await presigned('iotdevicegateway', (query) => query.set('X-Amz-Date', '20200101T000000Z'));
  assert.equal(await outcomeOf(old), 403);
  const unknown = await presigned('iotdevicegateway', (query) => {
    query.set('X-Amz-Credential', query.get('X-Amz-Credential')!.replace(ROOT_KEYS.accessKeyId, 'AKIASOMEBODYELSE'));
  });
  assert.equal(await outcomeOf(unknown), 403);
});

test('the caller of a signed URL is told to access', async () => {
  const client = await mqttjs.connectAsync(await presigned('iotdevicegateway'), {
    clientId: 'signed',
    reconnectPeriod: 0,
    wsOptions: { ca: secure.authority.authority.cert },
  });
  await client.endAsync();
  const found = secure.access.connects.find(({ clientId }) => clientId === 'signed');
  assert.equal(found?.caller?.accessKeyId, ROOT_KEYS.accessKeyId);
  assert.equal(found?.caller?.expiresAt, undefined);
});

test('access is told when the credentials of a signed URL end', async () => {
  const { sessionToken, ...keys } = SESSION_KEYS;
  // Put behind the signature, as the device SDKs do.
  const withToken = (query: URLSearchParams) => query.set('X-Amz-Security-Token', sessionToken);
  const url = await presigned('iotdevicegateway', withToken, keys);
  const wsOptions = { ca: secure.authority.authority.cert };
  const client = await mqttjs.connectAsync(url, { clientId: 'session', reconnectPeriod: 0, wsOptions });
  await client.endAsync();
  const found = secure.access.connects.find(({ clientId }) => clientId === 'session');
  assert.deepEqual([found?.caller?.arn, found?.caller?.expiresAt], ['session', SESSION_ENDS_AT]);
});
