import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { SimulatedClock, seededRandom, systemClock } from '../../src/base/index.ts';
import { type Connection, egressGuard, type LetterSummary } from '../../src/delivery/index.ts';
import { createMetrics, type Logger, newTrace, type Spans } from '../../src/telemetry/index.ts';
import { advanceUntil, eventually } from '../pollers/fakes.ts';
import { type Answer, delivery, type House, openHouse, POLICY, selfSigned, web } from './support.ts';

const ok: Answer = (_call, response) => void response.end('ok');

async function settled(house: House, arn: string): Promise<void> {
  await eventually(() => house.edge(arn)?.pending === 0);
}

async function lost(house: House): Promise<readonly LetterSummary[]> {
  await eventually(() => house.outbox.edges().every(({ pending }) => pending === 0));
  return (await house.outbox.letters({ limit: 100 })).letters;
}

const codesOf = (letters: readonly LetterSummary[]) => letters.map(({ origin }) => origin.errorCode);

test('a redirect is not followed, wherever it leads', async () => {
  await using inside = await web(ok);
  await using hook = await web((_call, response) => {
    response.writeHead(307, { location: `${inside.url}/secret` }).end();
  });
  await using house = await openHouse();
  await house.outbox.send([delivery(hook.url, 'a')]);
  const [letter] = await lost(house);
  assert.match(letter!.origin.errorMessage, /^HTTP status 307: redirects are not followed$/);
  assert.equal(inside.calls.length, 0);
});

test('the node never calls its own ports, in whatever way they are spelled', async () => {
  await using own = await web(ok);
  const egress = egressGuard({ mode: 'dev', allow: [], ownPorts: () => [own.port], ownAddresses: () => ['192.0.2.7'] });
  await using house = await openHouse({ egress });
  const hosts = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '127.255.255.254',
    'localhost',
    'LOCALHOST',
    'user:pass@127.0.0.1',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '0.0.0.0',
    '0',
    '[::]',
    '192.0.2.7',
  ];
  await house.outbox.send(hosts.map((host) => delivery(`http://${host}:${own.port}/`, host)));
  const letters = await lost(house);
  assert.deepEqual(new Set(codesOf(letters)), new Set(['egress-refused']));
  assert.equal(letters.length, hosts.length);
  assert.equal(own.calls.length, 0);
});

test('dev calls other ports of loopback; secured calls nothing of this machine or its link but what is allowed', async () => {
  const rules = { ownPorts: () => [4566], ownAddresses: () => ['10.1.1.1', 'fe80::1%eth0'] };
  const dev = egressGuard({ ...rules, mode: 'dev', allow: [] });
  assert.equal(dev.refuse('localhost', '127.0.0.1', 8080), undefined);
  assert.match(dev.refuse('localhost', '127.0.0.1', 4566)!, /this node itself/);
  assert.match(dev.refuse('10.1.1.1', '10.1.1.1', 4566)!, /this node itself/);
  const secured = egressGuard({ ...rules, mode: 'secured', allow: ['169.254.10.0/24', 'hooks.internal', '::1'] });
  const refused = [
    '127.0.0.1',
    '::ffff:127.0.0.1',
    '169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0.0.0.0',
    'fe80::2',
    '10.1.1.1',
    // Credentials of a cloud's machines, which are not at link-local addresses only.
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '::ffff:100.100.100.200',
  ];
  for (const address of [...refused, '224.0.0.1', 'ff02::1', '64:ff9b::a9fe:a9fe']) {
    assert.ok(secured.refuse('evil.example', address, 80), address);
  }
  for (const address of [
    '93.184.216.34',
    '10.1.1.2',
    '100.100.100.201',
    'fd00:ec3::254',
    '169.254.10.3',
    '::1',
    '2606:2800:220:1::1',
  ]) {
    assert.equal(secured.refuse('good.example', address, 80), undefined, address);
  }
  assert.equal(secured.refuse('hooks.internal', '127.0.0.1', 80), undefined);
  assert.ok(secured.refuse('hooks.internal', '127.0.0.1', 4566), 'the node itself is never allowed');
});

test('a name that resolves to a refused address is not connected to', async () => {
  let connections = 0;
  await using scope = new AsyncDisposableStack();
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  scope.defer(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const port = (server.address() as { port: number }).port;
  const egress = egressGuard({ mode: 'secured', allow: [], ownPorts: () => [], ownAddresses: () => [] });
  const house = scope.use(await openHouse({ egress }));
  await house.outbox.send([delivery(`http://localhost:${port}/`, 'a')]);
  assert.deepEqual(codesOf(await lost(house)), ['egress-refused']);
  assert.equal(connections, 0);
});

test('certificates are verified, against authorities of the configuration too', async () => {
  const tls = await selfSigned();
  await using hook = await web(ok, tls);
  {
    await using house = await openHouse();
    await house.outbox.send([delivery(hook.url, 'a')]);
    assert.deepEqual(codesOf(await lost(house)), ['http-unreachable']);
    assert.equal(hook.calls.length, 0);
  }
  await using house = await openHouse({ ca: tls.cert });
  await house.outbox.send([delivery(hook.url, 'b')]);
  await settled(house, hook.url);
  assert.deepEqual(
    hook.calls.map(({ body }) => body),
    ['b'],
  );
});

test('Retry-After is waited for, by all that waits for the target', async () => {
  let refusals = 1;
  const times: number[] = [];
  await using hook = await web((_call, response) => {
    times.push(systemClock.monotonic());
    if (refusals-- > 0) response.writeHead(503, { 'retry-after': '1' }).end();
    else response.end();
  });
  await using house = await openHouse();
  await house.outbox.send([delivery(hook.url, 'a')]);
  await eventually(() => times.length === 1 && house.edge(hook.url)?.isBroken === true);
  await house.outbox.send([delivery(hook.url, 'b')]);
  await settled(house, hook.url);
  assert.ok(times[1]! - times[0]! >= 950, `${times}`);
  assert.equal(times.length, 3);
});

test('an answer without end, and one of a gigabyte, hold nobody up', async () => {
  let sent = 0;
  await using hook = await web((_call, response) => {
    response.writeHead(200);
    const more = () => {
      sent += 65_536;
      if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(more));
    };
    more();
  });
  await using house = await openHouse();
  await house.outbox.send([delivery(hook.url, 'a')]);
  await settled(house, hook.url);
  assert.equal(house.edge(hook.url)?.delivered, 1);
  assert.ok(sent < 50_000_000, `${sent} bytes were sent`);
});

test('headers of a delivery cannot reach into the connection, and those that are none are refused', async () => {
  await using hook = await web(ok);
  await using house = await openHouse();
  const headers = { host: 'evil.example', 'Content-Length': '1', 'transfer-encoding': 'chunked', 'X-Own': 'kept' };
  await house.outbox.send([delivery(`${hook.url}/a`, 'body', { attributes: { headers } })]);
  await settled(house, `${hook.url}/a`);
  const [call] = hook.calls;
  assert.equal(call?.body, 'body');
  assert.deepEqual([call?.headers.host, call?.headers['x-own']], [`127.0.0.1:${hook.port}`, 'kept']);
  const split = { 'x-own': 'a\r\nx-injected: 1' };
  await house.outbox.send([delivery(`${hook.url}/b`, 'body', { attributes: { headers: split } })]);
  assert.deepEqual(codesOf(await lost(house)), ['http-header-invalid']);
  assert.equal(hook.calls.length, 1);
});

const connection = (authorization: Connection['authorization'], requestsPerSecond?: number): Connection => ({
  name: 'crm',
  authorization,
  ...(requestsPerSecond !== undefined && { requestsPerSecond }),
});

const through = { attributes: { connection: 'crm' } };

test('a connection says who the node is: basic, API key, and the user of a URL', async () => {
  await using hook = await web(ok);
  let current = connection({ kind: 'basic', user: 'u', password: 'p:w' });
  await using house = await openHouse({ connections: (name) => (name === 'crm' ? current : undefined) });
  await house.outbox.send([delivery(`${hook.url}/basic`, '', through)]);
  await settled(house, `${hook.url}/basic`);
  current = connection({ kind: 'api-key', header: 'X-Api-Key', value: 'secret' });
  await house.outbox.send([delivery(`${hook.url}/key`, '', through)]);
  await settled(house, `${hook.url}/key`);
  const withUser = `http://us%3Aer:p%40ss@127.0.0.1:${hook.port}/user`;
  await house.outbox.send([delivery(withUser, '')]);
  await settled(house, withUser);
  const seen = Object.fromEntries(hook.calls.map(({ path, headers }) => [path, headers]));
  assert.equal(seen['/basic']?.authorization, `Basic ${Buffer.from('u:p:w').toString('base64')}`);
  assert.equal(seen['/key']?.['x-api-key'], 'secret');
  assert.equal(seen['/user']?.authorization, `Basic ${Buffer.from('us:er:p@ss').toString('base64')}`);
});

test('a connection that is not defined keeps its deliveries for the operator', async () => {
  await using hook = await web(ok);
  await using house = await openHouse();
  const policy = { ...POLICY, attemptsMax: 1000 };
  await house.outbox.send([delivery(hook.url, '', { ...through, policy })]);
  await eventually(() => house.edge(hook.url)?.lastError?.code === 'connection-unknown');
  assert.equal(house.edge(hook.url)?.pending, 1);
});

test('an OAuth token is fetched once, used until it ends or is refused, and never shown', async () => {
  let issued = 0;
  let accepted = 'token-1';
  await using login = await web((call, response) => {
    assert.equal(call.headers.authorization, `Basic ${Buffer.from('id:s%C3%A9cret').toString('base64')}`);
    assert.equal(call.body, 'grant_type=client_credentials&scope=a+b');
    response.end(JSON.stringify({ access_token: `token-${++issued}`, token_type: 'Bearer', expires_in: 3600 }));
  });
  await using hook = await web(({ headers }, response) => {
    response.writeHead(headers.authorization === `Bearer ${accepted}` ? 200 : 401).end();
  });
  const oauth = { kind: 'oauth', tokenUrl: login.url, clientId: 'id', clientSecret: 'sécret', scope: 'a b' } as const;
  await using house = await openHouse({ connections: () => connection(oauth) });
  const send = async (count: number) => {
    await house.outbox.send(Array.from({ length: count }, () => delivery(hook.url, '', through)));
    await settled(house, hook.url);
  };
  await send(10);
  assert.deepEqual([login.calls.length, hook.calls.length], [1, 10]);
  // The server forgets it: each call that meets that fetches at most one more, and none is lost.
  accepted = 'token-2';
  await send(1);
  assert.deepEqual([login.calls.length, hook.calls.length], [2, 12]);
  assert.equal(house.edge(hook.url)?.delivered, 11);
  // Whatever is wrong with a token, the delivery is kept.
  accepted = 'none';
  await house.outbox.send([delivery(hook.url, '', through)]);
  const [letter] = await lost(house);
  assert.equal(letter!.origin.errorMessage, 'HTTP status 401');
  assert.equal(letter!.origin.attempts, POLICY.attemptsMax);
  assert.doesNotMatch(JSON.stringify(letter), /token-|cret/);
});

test('a token endpoint that refuses says why, without its secrets', async () => {
  await using login = await web((_call, response) => {
    response.writeHead(400).end(JSON.stringify({ error: 'invalid_client', error_description: 'secret' }));
  });
  const oauth = { kind: 'oauth', tokenUrl: login.url, clientId: 'id', clientSecret: 'secret' } as const;
  await using house = await openHouse({ connections: () => connection(oauth) });
  await house.outbox.send([delivery('http://127.0.0.1:9/', '', through)]);
  const [letter] = await lost(house);
  assert.equal(letter!.origin.errorCode, 'oauth-failed');
  assert.equal(letter!.origin.errorMessage, `no token from ${login.url}: HTTP status 400, invalid_client`);
});

test('the rate of a connection holds over all its targets', async () => {
  const times: number[] = [];
  await using hook = await web((_call, response) => {
    times.push(systemClock.monotonic());
    response.end();
  });
  await using house = await openHouse({ connections: () => connection({ kind: 'none' }, 50) });
  const urls = ['a', 'b', 'c', 'd'].map((path) => `${hook.url}/${path}`);
  await house.outbox.send(urls.flatMap((url) => Array.from({ length: 10 }, () => delivery(url, '', through))));
  for (const url of urls) await settled(house, url);
  assert.equal(times.length, 40);
  // 40 calls at 50 a second, of which five may come at once.
  assert.ok(times.at(-1)! - times[0]! >= 650, `${times.at(-1)! - times[0]!} ms`);
});

test('the password of a URL is in no log, metric, trace or error', async () => {
  const said: unknown[] = [];
  const log = (event: string, fields?: object) => void said.push(event, fields);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const metrics = createMetrics();
  metrics.onDatum((datum) => said.push(datum));
  const spans: Spans = { record: (span) => void said.push(span), recent: () => [], onSpan: () => () => {} };
  const clock = new SimulatedClock();
  await using house = await openHouse({ logger, metrics, spans, clock });
  const trace = { ...newTrace(seededRandom(1)), sampled: true };
  // Nobody listens at that port.
  const url = 'http://user:pa@ss@127.0.0.1:1/hook';
  await house.outbox.send(Array.from({ length: 30 }, (_, n) => delivery(url, String(n), { trace })));
  await advanceUntil(clock, 1000, () => house.edge(url)?.pending === 0 && clock.monotonic() > 70_000);
  said.push(metrics.render(), (await house.outbox.letters({ limit: 1 })).letters[0]?.origin.errorMessage);
  const text = JSON.stringify(said);
  for (const place of [
    'delivery-given-up',
    'edge-broken',
    'millrace_edge_pending',
    'PendingDeliveries',
    'deliver http',
  ]) {
    assert.ok(text.includes(place), place);
  }
  assert.ok(text.includes('***@127.0.0.1'));
  assert.ok(!/ss@127/.test(text), 'the password was shown');
});
