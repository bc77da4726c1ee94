import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { SimulatedClock } from '../../base/index.ts';
import { silentLogger } from '../../telemetry/index.ts';
import { CONSOLE_LIMITS, type Console, type FlowSnapshot, openConsole } from './index.ts';

const clock = new SimulatedClock();
let events = 0;
let gateway: Console;
let origin: string;
const server = createServer((request, response) => {
  const route = gateway.routes.find(({ prefix }) => request.url!.startsWith(prefix));
  void route!.handle(request, response);
});

before(async () => {
  const nodes = () => [{ id: 's', kind: 'stream' as const, label: 'telemetry', counters: { events } }];
  gateway = await openConsole({ source: { read: () => ({ nodes: nodes(), edges: [] }) }, clock, logger: silentLogger });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(async () => {
  await gateway[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const page = (name = '') => `${origin}/_millrace/console/${name}`;

test('the page is served with a policy that lets nothing else in', async () => {
  const response = await fetch(`${origin}/_millrace/console`);
  assert.equal(response.url, page());
  assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
  const policy = response.headers.get('content-security-policy')!;
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
});

test('a file that the browser has is not sent again', async () => {
  const first = await fetch(page('console.js'));
  await first.arrayBuffer();
  const etag = first.headers.get('etag')!;
  const again = await fetch(page('console.js'), { headers: { 'if-none-match': etag } });
  assert.equal(again.status, 304);
  assert.equal((await again.arrayBuffer()).byteLength, 0);
});

test('the first page has no style of another one, which brings its own', async () => {
  const text = async (name: string) => (await fetch(page(name))).text();
  const first = await text('console.css');
  const names = [...(await text('console.js')).matchAll(/[a-z]+-page-\w+(?=\.js)/g)].map(([name]) => name);
  assert.ok(names.length > 0);
  for (const name of new Set(names)) {
    const rules = (await text(`${name}.css`)).match(/[^{}]+\{[^{}]+\}/g)!;
    assert.deepEqual(
      rules.filter((rule) => first.includes(rule)),
      [],
      name,
    );
  }
});

test('gzip only for those who take it', async () => {
  const raw = async (encoding: string) => {
    const request = await import('node:http').then(({ get }) =>
      get(page('console.css'), { headers: { 'accept-encoding': encoding } }),
    );
    const [response] = await once(request, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return { encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) };
  };
  const zipped = await raw('br, gzip');
  const plain = await raw('gzip;q=0, br');
  assert.equal(zipped.encoding, 'gzip');
  assert.equal(plain.encoding, undefined);
  assert.deepEqual(gunzipSync(zipped.body), plain.body);
});

test('no file outside the console is reachable, and no other method', async () => {
  for (const name of ['nothing.js', '..%2fpackage.json', '%2e%2e%2f%2e%2e%2fpackage.json', 'src/main.tsx']) {
    const response = await fetch(page(name));
    assert.equal(response.status, 404, name);
    await response.arrayBuffer();
  }
  assert.equal((await fetch(page(), { method: 'POST' })).status, 405);
  assert.equal((await fetch(page('console.js'), { method: 'HEAD' })).status, 200);
});

test('the flow comes as JSON, and once a second as events', async () => {
  const snapshot = (await (await fetch(`${origin}/_millrace/api/flow`)).json()) as FlowSnapshot;
  assert.equal(snapshot.version, 1);
  assert.equal(snapshot.nodes[0]!.label, 'telemetry');

  const stop = new AbortController();
  const feed = await fetch(`${origin}/_millrace/api/flow/events`, { signal: stop.signal });
  assert.equal(feed.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const reader = feed.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const next = async () => {
    while (!/event: flow\ndata: .*\n\n/.test(text)) text += (await reader.read()).value;
    const data = /data: (.*)\n\n/.exec(text)![1]!;
    text = text.slice(text.indexOf(data) + data.length + 2);
    return JSON.parse(data) as FlowSnapshot;
  };
  assert.equal((await next()).nodes[0]!.totals.events, 0);
  events = 500;
  await clock.advance(1000);
  const second = await next();
  assert.equal(second.nodes[0]!.totals.events, 500);
  assert.ok(second.nodes[0]!.eventsPerSecond > 0);
  stop.abort();
});

test('feeds are counted, and the one too many is turned away', async () => {
  const stop = new AbortController();
  const open = () => fetch(`${origin}/_millrace/api/flow/events`, { signal: stop.signal });
  const feeds = await Promise.all(Array.from({ length: CONSOLE_LIMITS.feedsMax }, open));
  assert.ok(feeds.every(({ status }) => status === 200));
  const refused = await open();
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '5');
  stop.abort();
});
