import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '../../src/base/index.ts';
import { PLAIN_HEAD_LIMITS, readPlainHead } from '../../src/codec/http/index.ts';
import type { Operation, Service } from '../../src/services/index.ts';
import type { ExtraRoute, UpgradeRoute } from '../../src/wire/index.ts';
import { HeldBody } from '../../src/wire/lane/held-body.ts';
import { LaneResponse, type ResponseOwner } from '../../src/wire/lane/response.ts';
import { WIRE_LIMITS } from '../../src/wire/limits.ts';
import { startWire, type TestWire } from './support.ts';

const body = '{"StreamName":"a"}';
const LINES = [
  'POST / HTTP/1.1',
  'Host: localhost',
  'X-Amz-Target: Kinesis_20131202.DescribeLimits',
  'Content-Type: application/x-amz-json-1.1',
  `Content-Length: ${body.length}`,
] as const;
const request = (lines: readonly string[], content = body) => `${lines.join('\r\n')}\r\n\r\n${content}`;
const PLAIN = request(LINES);
const PLAINS = [
  PLAIN,
  request(['PUT /b/k HTTP/1.1', 'Host: localhost', 'Content-Length: 4', 'X-Amz-Acl: private'], 'body'),
  ...['GET', 'HEAD', 'DELETE'].map((method) =>
    request([`${method} /b/k?x=y HTTP/1.1`, 'Host: localhost', 'Range: bytes=0-1'], ''),
  ),
  request(['GET /b/k HTTP/1.1', 'Host: localhost', 'Content-Length: 0'], ''),
];

/** What Node's own HTTP server makes of the bytes: the first request with its body, or nothing. */
async function byNode(bytes: Buffer): Promise<unknown> {
  const server = createServer();
  const [client, socket] = duplexPair();
  const got = new Promise<unknown>((resolve) => {
    server.on('request', async (message: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of message) chunks.push(chunk as Buffer);
      const { method, url, headers, rawHeaders } = message;
      response.end();
      resolve({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString('latin1') });
    });
    server.on('clientError', (error) => resolve(error.message));
    client.on('end', () => resolve('closed')).resume();
  });
  server.emit('connection', socket);
  client.write(bytes);
  const result = await got;
  client.destroy();
  socket.destroy();
  return result;
}

test('what the lane takes for a head, Node reads as the same request', async () => {
  const pieces = fc.constantFrom(
    ...[
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      ':',
      '\0',
      '\x0b',
      '\x7f',
      '\x80',
      'é',
      ';',
      ',',
      '/',
      '?',
      '#',
      '%',
      '__proto__: x\r\n',
    ],
    ...[
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Host: b\r\n',
      'Connection: close\r\n',
      'Expect: 100-continue\r\n',
    ],
    ...[
      'Upgrade: h2c\r\n',
      'X-A:\r\n',
      'X-A : b\r\n',
      ' folded\r\n',
      'connection: Keep-Alive\r\n',
      'Cookie: a\r\nCookie: b\r\n',
      'HTTP/1.0',
      'X-B: \t b \t\r\n',
    ],
  );
  const edit = fc.record({
    at: fc.nat({ max: PLAIN.length }),

    remove: fc.nat({ max: 3 }),
    insert: fc.option(pieces, { nil: '' }),
  });
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...PLAINS), fc.array(edit, { maxLength: 3 }), async (plain, edits) => {
      let text = plain;
      for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
      const bytes = Buffer.from(text, 'latin1');
      const head = readPlainHead(bytes);
      if (typeof head === 'string' || bytes.length < head.headBytes + head.bodyBytes) return;
      taken++;
      const content = bytes.toString('latin1', head.headBytes, head.headBytes + head.bodyBytes);
      // What is behind the body is another request's.
      const alone = bytes.subarray(0, head.headBytes + head.bodyBytes);
      assert.deepEqual(await byNode(alone), {
        method: head.method,
        url: head.url,
        headers: { ...head.headers },
        rawHeaders: head.rawHeaders,
        body: content,
      });
    }),
    { numRuns: 3000, seed: 6 },
  );
  assert.ok(taken > 300, `${taken} heads were taken`);
});

test('heads that two readers could read in two ways are not the lane’s', () => {
  const with_ = (...more: string[]) => readPlainHead(Buffer.from(request([...LINES, ...more]), 'latin1'));
  assert.equal(typeof with_('X-A: b'), 'object');
  assert.equal(typeof with_('Connection: keep-alive'), 'object');
  for (const line of [
    ...[
      'Content-Length: 18',
      'Content-Length: 0',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: identity',
      'Expect: 100-continue',
    ],
    ...[
      'Connection: close',
      'Connection: keep-alive, upgrade',
      'Upgrade: websocket',
      'Trailer: x',
      'Host: other',
      'X-A : b',
      ' folded',
    ],
    ...[
      'X-A: a\nX-B: b',
      'X-A: a\rb',
      'X-A: é',
      'X-A: \0',
      ': b',
      'no colon',
      '__proto__: b',
      'constructor: b',
      'X A: b',
    ],
  ]) {
    assert.equal(with_(line), 'other', JSON.stringify(line));
  }
  const first = (line: string) => readPlainHead(Buffer.from(request([line, ...LINES.slice(1)]), 'latin1'));
  for (const line of [
    ...[
      'GET / HTTP/1.1',
      'POST  / HTTP/1.1',
      'POST / HTTP/1.0',
      'POST / HTTP/1.1 ',
      ' POST / HTTP/1.1',
      'post / HTTP/1.1',
    ],
    ...[
      'POST * HTTP/1.1',
      'POST http://localhost/ HTTP/1.1',
      'POST /a b HTTP/1.1',
      'POST /é HTTP/1.1',
      'POST /\t HTTP/1.1',
      '\r\nPOST / HTTP/1.1',
    ],
  ]) {
    assert.equal(first(line), 'other', JSON.stringify(line));
  }
  for (const length of [
    '',
    '-1',
    '+1',
    '0x1',
    '1 1',
    '1,1',
    '1e1',
    '1'.repeat(PLAIN_HEAD_LIMITS.lengthDigitsMax + 1),
  ]) {
    const lines = [...LINES.slice(0, -1), `Content-Length: ${length}`];
    assert.equal(readPlainHead(Buffer.from(request(lines))), 'other', length);
  }
  assert.equal(readPlainHead(Buffer.from(request(LINES.slice(0, -1)))), 'other', 'no length');
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    const without = (...more: string[]) => {
      return readPlainHead(Buffer.from(request([`${method} /a HTTP/1.1`, 'Host: localhost', ...more], '')));
    };
    for (const head of [without(), without('Content-Length: 0'), without('Content-Length: 00')]) {
      assert.ok(typeof head === 'object' && head.method === method && head.bodyBytes === 0);
    }
    for (const line of ['Content-Length: 1', 'Content-Length:', 'Content-Length: -0']) {
      assert.equal(without(line), 'other', `${method} ${line}`);
    }
  }
  for (const method of ['PATCH', 'OPTIONS', 'CONNECT', 'TRACE', 'get', '', 'toString']) {
    assert.equal(first(`${method} / HTTP/1.1`), 'other', method);
  }
  assert.equal(readPlainHead(Buffer.from(request([LINES[0], ...LINES.slice(2)]))), 'other', 'no host');
  const many = Array.from({ length: PLAIN_HEAD_LIMITS.headersMax }, (_, i) => `X-${i}: a`);
  assert.equal(with_(...many), 'other');
  assert.equal(with_(`X-A: ${'a'.repeat(PLAIN_HEAD_LIMITS.headBytesMax)}`), 'other');
});

/** Echoes how long the input was, so that answers can be told apart. */
const kinesis: Service = {
  name: 'kinesis',
  errors: {},
  operations: {
    DescribeLimits: () => ({ ShardLimit: 1, OpenShardCount: 0, OnDemandStreamCount: 0, OnDemandStreamCountLimit: 1 }),
    DescribeStreamSummary: ({ StreamName }) => ({ StreamDescriptionSummary: { StreamName } }),
    PutRecord: ({ Data }) => ({ ShardId: 'shardId-000000000000', SequenceNumber: String(Data.length) }),
    ListStreams: (_input, { signal }) =>
      new Promise((_, reject) => {
        left.push(signal);
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
    GetRecords: () => {
      reads++;
      return { Records: [], MillisBehindLatest: 0, NextShardIterator: 'n'.repeat(LARGE) };
    },
    SubscribeToShard: () => ({ EventStream: events() }),
  },
};
const left: AbortSignal[] = [];
/** More than the system's buffers on both sides of a connection take. */
const LARGE = 16 * 1024 * 1024;
let reads = 0;

async function* events() {
  for (let at = 0; at < 3; at++) {
    yield { SubscribeToShardEvent: { Records: [], ContinuationSequenceNumber: String(at), MillisBehindLatest: 0 } };
  }
}

const echo: ExtraRoute = {
  prefix: '/extra',
  handle: async (message, response) => {
    let text = '';
    for await (const chunk of message.setEncoding('utf8')) text += chunk;
    response.end(`extra ${message.method} ${text}`);
  },
};

/** Answers plain requests without Node's server, and says which of the two it was. */
const both: ExtraRoute = {
  prefix: '/both',
  handle: (message, response) => {
    message.resume();
    response.end('node');
  },
  handlePlain: async (message, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of message) chunks.push(chunk);
    if (message.url === '/both/broken') throw new Error('broken');
    const body = JSON.stringify({ names: message.rawHeaders, body: Buffer.concat(chunks).toString() });
    response.writeHead(200, { 'content-length': String(body.length) });
    response.end(message.method === 'HEAD' ? undefined : body);
  },
};

const start = () => startWire([kinesis], { mode: 'dev', extraRoutes: [echo, both] });

/** A connection, and all that came on it. */
class Peer {
  readonly socket: Socket;
  #text = '';
  #waiting: (() => void)[] = [];
  readonly closed: Promise<void>;

  constructor({ port }: TestWire, options: { readonly allowHalfOpen?: boolean } = {}) {
    this.socket = connect({ port, host: '127.0.0.1', ...options });
    this.socket
      .on('error', () => {})
      .on('data', (chunk) => {
        this.#text += chunk.toString('latin1');
        this.#wake();
      });
    this.closed = new Promise((resolve) =>
      this.socket.on('close', () => {
        resolve();
        this.#wake();
      }),
    );
  }

  get text(): string {
    return this.#text;
  }

  /** Resolves when so many answers have begun and the last one has ended with `tail`, or the connection is closed. */
  async answers(count: number, tail: string): Promise<string> {
    while ((this.#text.split('HTTP/1.1 ').length <= count || !this.#text.endsWith(tail)) && !this.socket.destroyed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.#text;
  }

  /** Resolves when more than so many bytes have come, or the connection is closed. */
  async bytes(count: number): Promise<void> {
    while (this.#text.length <= count && !this.socket.destroyed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

function call(operation: string, input: object, ...more: string[]): string {
  const content = JSON.stringify(input);
  const target = `X-Amz-Target: Kinesis_20131202.${operation}`;
  return request([LINES[0], LINES[1], target, LINES[3], `Content-Length: ${content.length}`, ...more], content);
}

const summary = (name: string) => call('DescribeStreamSummary', { StreamName: name });

test('an answer has what Node’s have, in one piece', async () => {
  await using wire = await start();
  const peer = new Peer(wire);
  peer.socket.write(PLAIN);
  const text = await peer.answers(1, '}');
  assert.match(text, /^HTTP\/1\.1 200 OK\r\ncontent-type: application\/x-amz-json-1\.1\r\n/);
  assert.match(
    text,
    /\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n\{/,
  );
  peer.socket.destroy();
});

test('a request may come in two pieces, cut anywhere', async () => {
  await using wire = await start();
  const bytes = summary('cut');
  for (let cut = 1; cut < bytes.length; cut += 3) {
    const peer = new Peer(wire);
    peer.socket.setNoDelay(true);
    peer.socket.write(bytes.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    peer.socket.write(bytes.slice(cut));
    assert.match(await peer.answers(1, '}'), /^HTTP\/1\.1 200 .*"StreamName":"cut"/s, `cut at ${cut}`);
    peer.socket.destroy();
  }
});

test('requests that come in one piece are answered in their order, whoever reads them', async () => {
  await using wire = await start();
  const peer = new Peer(wire);
  const names = Array.from({ length: 200 }, (_, i) => `s${i}.`);
  peer.socket.write(`${names.map(summary).join('')}GET /extra HTTP/1.1\r\nHost: localhost\r\n\r\n${summary('last')}`);
  const text = await peer.answers(202, '}');
  assert.deepEqual(
    [...text.matchAll(/"StreamName":"([^"]+)"/g)].map(([, name]) => name),
    [...names, 'last'],
  );
  assert.match(text, /s199\..*extra GET .*last/s);
  peer.socket.destroy();
});

test('on one connection come plain requests and others: routes, bodies without a length, expectations', async () => {
  await using wire = await start();
  for (const other of [
    request(['POST /extra/x HTTP/1.1', 'Host: localhost', 'Content-Length: 5'], 'hello'),
    request(['POST /extra HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
  ]) {
    const peer = new Peer(wire);
    peer.socket.write(summary('before'));
    await peer.answers(1, '}');
    peer.socket.write(other);
    await peer.answers(2, 'hello');
    peer.socket.write(summary('after'));
    assert.match(await peer.answers(3, '}'), /before.*extra POST hello.*after/s);
    peer.socket.destroy();
  }
  const peer = new Peer(wire);
  const [head, content] = summary('expected').split('\r\n\r\n') as [string, string];
  peer.socket.write(`${head}\r\nExpect: 100-continue\r\n\r\n`);
  assert.match(await peer.answers(1, '\r\n\r\n'), /^HTTP\/1\.1 100 Continue/);
  peer.socket.write(content);
  assert.match(await peer.answers(2, '}'), /200 OK.*expected/s);
  peer.socket.destroy();
});

test('a route may answer plain requests without Node’s server, with headers as they came', async () => {
  await using wire = await start();
  const peer = new Peer(wire);
  const lines = (first: string, ...more: string[]) => `${[first, 'Host: localhost', ...more].join('\r\n')}\r\n\r\n`;
  peer.socket.write(lines('GET /both HTTP/1.1', 'X-Own: 1'));
  assert.match(await peer.answers(1, '}'), /"names":\["Host","localhost","X-Own","1"\],"body":""\}$/);
  peer.socket.write(`${lines('POST /both HTTP/1.1', 'content-length: 2')}ab`);
  assert.match(await peer.answers(2, '}'), /"content-length","2"\],"body":"ab"\}$/);
  peer.socket.write(lines('HEAD /both HTTP/1.1'));
  assert.match(await peer.answers(3, '\r\n\r\n'), /Content-Length: \d+\r\n[^{]*$/i);
  peer.socket.write(lines('GET /both/broken HTTP/1.1'));
  assert.match(await peer.answers(4, '}'), /HTTP\/1\.1 500 [^{]*\{"message":"Internal error"\}$/);
  peer.socket.write(lines('GET /both HTTP/1.1', 'Origin: https://evil.example'));
  assert.match(await peer.answers(5, '}'), /HTTP\/1\.1 403 .*AccessDeniedException[^}]*\}$/s);
  peer.socket.write(lines('GET /both HTTP/1.1', 'X-A: 1', 'X-A: 2'));
  assert.match(await peer.answers(6, 'node'), /node$/, 'what is not plain is for Node’s server');
  peer.socket.destroy();
});

test('a body that says its length twice, or in two ways, is refused and its connection closed', async () => {
  await using wire = await start();
  for (const more of [
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, identity',
    ' Content-Length: 1',
  ]) {
    const peer = new Peer(wire);
    peer.socket.write(call('DescribeLimits', {}, more) + summary('smuggled'));
    await peer.closed;
    assert.match(peer.text, /^(HTTP\/1\.1 400 .*)?$/s, more);
    assert.doesNotMatch(peer.text, /smuggled/);
  }
});

test('what a refused HEAD would be told does not stand before the next answer', async () => {
  await using wire = await start();
  const peer = new Peer(wire);
  const head = (...more: string[]) => request(['HEAD /b/k HTTP/1.1', 'Host: localhost', ...more], '');
  peer.socket.write(head('Origin: http://evil.example') + summary('next'));
  const text = await peer.answers(2, '}');
  assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n(?:[^\r\n]+\r\n)+\r\nHTTP\/1\.1 200 OK\r\n.*"next"/s);
  peer.socket.destroy();
});

/** The connection of a response, of which the socket alone is real enough. */
function ownerOf(socket: { write(bytes: string | Buffer): unknown }): ResponseOwner {
  return {
    socket: socket as unknown as Socket,
    date: () => 'now',
    closes: false,
    write: (bytes, sizeBytes) => void socket.write(Buffer.from(bytes.subarray(0, sizeBytes))),
    ended: () => {},
  };
}

test('a head that cannot be sent sends nothing, and leaves room for another; a date is one', () => {
  let sent = '';
  const socket = { writable: true, write: (bytes: string | Buffer) => (sent += bytes) };
  const response = new LaneResponse(ownerOf(socket), false);
  for (const status of [0, 100, 199, 200.5, 1000, Number.NaN]) assert.throws(() => response.writeHead(status, {}));
  assert.throws(() => response.writeHead(200, { 'x-a': 'a\r\nx-b: b' }));
  assert.throws(() => response.writeHead(200, { 'x a': 'b' }));
  assert.equal(response.headersSent, false);
  response.writeHead(500, { 'content-length': '1', date: 'then' });
  response.end('x');
  assert.match(
    sent,
    /^HTTP\/1\.1 500 Internal Server Error\r\ncontent-length: 1\r\ndate: then\r\nConnection: .*\r\n\r\nx$/s,
  );
  assert.doesNotMatch(sent, /now|x-/);
});

test('a piece of nothing does not end an answer in chunks', () => {
  let sent = '';
  const socket = { writable: true, cork() {}, uncork() {}, write: (bytes: string | Buffer) => (sent += bytes) };
  const response = new LaneResponse(ownerOf(socket), false);
  response.writeHead(200, {});
  for (const piece of ['a', '', 'b']) response.write(Buffer.from(piece));
  response.end();
  assert.match(sent, /\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n$/);
});

test('answers without a body have none, however it is given', () => {
  for (const [isToHead, status] of [
    [true, 200],
    [false, 204],
    [false, 304],
  ] as const) {
    for (const give of [
      (response: LaneResponse) => response.end('body'),
      (response: LaneResponse) => response.end(Buffer.from('body')),
      (response: LaneResponse) => {
        response.flushHeaders();
        response.write(Buffer.from('body'));
        response.end();
      },
    ]) {
      let sent = '';
      const socket = { writable: true, cork() {}, uncork() {}, write: (bytes: string | Buffer) => (sent += bytes) };
      const response = new LaneResponse(ownerOf(socket), isToHead);
      response.writeHead(status, { etag: '"a"' });
      give(response);
      assert.match(sent, /^HTTP\/1\.1 \d+ .*\r\n\r\n$/s);
      assert.doesNotMatch(sent, /body|chunked/);
    }
  }
});

test('long bodies come in pieces, beyond the lane’s size too', async () => {
  await using wire = await start();
  for (const bytes of [200_000, 1_000_000, 1_300_000]) {
    const peer = new Peer(wire);
    const Data = Buffer.alloc(bytes / 1.35).toString('base64');
    peer.socket.write(call('PutRecord', { StreamName: 'a', PartitionKey: 'a', Data }));
    // A record has at most 1 MiB: what is longer is refused by its constraint, and was read whole.
    const text = await peer.answers(1, '}');
    assert.match(text, /^HTTP\/1\.1 (200|400) /, `${bytes}`);
    peer.socket.write(summary('next'));
    assert.match(await peer.answers(2, '}'), /next/);
    peer.socket.destroy();
  }
});

test('a stream of events is sent in chunks, and the connection goes on', async () => {
  await using wire = await start();
  const peer = new Peer(wire);
  const input = {
    ConsumerARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/a/consumer/b:1',
    ShardId: 'shardId-000000000000',
    StartingPosition: { Type: 'LATEST' },
  };
  peer.socket.write(call('SubscribeToShard', input));
  const text = await peer.answers(1, '0\r\n\r\n');
  assert.match(text, /\r\nTransfer-Encoding: chunked\r\n.*"ContinuationSequenceNumber":"2"/s);
  peer.socket.write(summary('next'));
  assert.match(await peer.answers(2, '}'), /next/);
  peer.socket.destroy();
});

test('a client that leaves fires the signal of its call, and one that leaves within a body is let go', async () => {
  await using wire = await start();
  const gone = new Peer(wire);
  gone.socket.write(call('ListStreams', {}));
  while (left.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const aborted = new Promise((resolve) => left[0]!.addEventListener('abort', resolve));
  gone.socket.destroy();
  await aborted;

  const halfBody = new Peer(wire);
  halfBody.socket.end(summary('never').slice(0, -3));
  await halfBody.closed;
  assert.equal(halfBody.text, '');
});

test('a connection that is silent for too long is closed: between requests, and within a body', async () => {
  const clock = new SimulatedClock();
  await using wire = await startWire([kinesis], { mode: 'dev', clock });
  const [idle, slow] = [new Peer(wire), new Peer(wire)];
  idle.socket.write(summary('idle'));
  await idle.answers(1, '}');
  slow.socket.write(summary('slow'));
  await slow.answers(1, '}');
  slow.socket.write(summary('slow').slice(0, -3));
  while (wire.server.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let second = 0; second < 60; second += 5) await clock.advance(5_000);
  assert.equal(idle.socket.destroyed, false);
  await clock.advance(5_000);
  await slow.closed;
  for (let second = 0; second < 20; second += 5) await clock.advance(5_000);
  await idle.closed;
});

test('closing lets calls in flight end, tells their clients, and closes who waits', async () => {
  const wire = await start();
  const [idle, busy] = [new Peer(wire), new Peer(wire)];
  idle.socket.write(summary('idle'));
  await idle.answers(1, '}');
  left.length = 0;
  busy.socket.write(call('ListStreams', {}));
  while (left.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await wire.server.close(5_000);
  await Promise.all([idle.closed, busy.closed]);
  assert.match(busy.text, /^HTTP\/1\.1 503 .*\r\nConnection: close\r\n.*The node is shutting down/s);
});

const large = () => call('GetRecords', { ShardIterator: 'a' });
const turns = async (count: number) => {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
};

test('who sends and does not read gets one answer at a time', async () => {
  await using wire = await start();
  const peer = new Peer(wire);
  peer.socket.pause();
  reads = 0;
  peer.socket.write(large().repeat(5));
  while (reads === 0) await turns(1);
  await turns(200);
  peer.socket.write(large());
  await turns(200);
  assert.equal(reads, 1);
  peer.socket.resume();
  await peer.bytes(6 * LARGE);
  const text = await peer.answers(6, '}');
  assert.equal(reads, 6);
  assert.equal(text.split('"NextShardIterator":"n').length, 7);
  peer.socket.write(summary('next'));
  assert.match((await peer.answers(7, '}')).slice(-500), /next/);
  peer.socket.destroy();
});

test('a client that reads its answer slowly is not silent, and gets all of it', async () => {
  const clock = new SimulatedClock();
  await using wire = await startWire([kinesis], { mode: 'dev', clock });
  const peer = new Peer(wire);
  peer.socket.pause();
  reads = 0;
  peer.socket.write(large());
  while (reads === 0) await turns(1);
  for (let second = 0; second < 120; second += 5) await clock.advance(5_000);
  peer.socket.resume();
  await peer.bytes(LARGE);
  assert.match((await peer.answers(1, '}')).slice(-100), /nn","MillisBehindLatest":0}$/);
  peer.socket.write(summary('next'));
  assert.match((await peer.answers(2, '}')).slice(-500), /next/);
  peer.socket.destroy();
});

test('a client that does not read on holds the file of a stream for an hour at most', async () => {
  const clock = new SimulatedClock();
  let isGivenUp = false;
  async function* pieces() {
    try {
      for (let at = 0; at < 64; at++) yield Buffer.alloc(256 * 1024);
    } finally {
      isGivenUp = true;
    }
  }
  const GetObject: Operation = () => ({ Body: pieces(), ContentLength: LARGE });
  await using wire = await startWire([{ name: 's3', errors: {}, operations: { GetObject } }], { mode: 'dev', clock });
  const peer = new Peer(wire);
  peer.socket.write('GET /b/k HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await peer.bytes(1);
  peer.socket.pause();
  await turns(200);
  for (let second = 0; second < 3600; second += 5) await clock.advance(5_000);
  const before = [isGivenUp, wire.server.inFlight];
  await clock.advance(10_000);
  await turns(200);
  const after = [isGivenUp, wire.server.inFlight];
  peer.socket.destroy();
  assert.deepEqual({ before, after }, { before: [false, 1], after: [true, 0] });
});

test('closing waits for answers that are on their way', async () => {
  const wire = await start();
  const peer = new Peer(wire);
  peer.socket.pause();
  reads = 0;
  peer.socket.write(large());
  while (reads === 0) await turns(1);
  const closed = wire.server.close(60_000);
  await turns(50);
  peer.socket.resume();
  await peer.bytes(LARGE);
  assert.match((await peer.answers(1, '}')).slice(-100), /nn","MillisBehindLatest":0}$/);
  await Promise.all([closed, peer.closed]);
});

test('bodies that were only announced take no room from others', async () => {
  await using wire = await start();
  const [head] = PLAIN.split('\r\nContent-Length') as [string];
  const greedy = Array.from({ length: 600 }, () => new Peer(wire));
  for (const { socket } of greedy) socket.write(`${head}\r\nContent-Length: 1000000\r\n\r\n{`);
  while (wire.server.inFlight < greedy.length) await turns(1);
  const peer = new Peer(wire);
  peer.socket.write(summary('modest'));
  assert.match(await peer.answers(1, '}'), /^HTTP\/1\.1 200 .*modest/s);
  for (const { socket } of [...greedy, peer]) socket.destroy();
});

test('objects in the making are held within the budget of all bodies', async () => {
  const s3: Service = { name: 's3', errors: {}, operations: { PutObject: () => ({ ETag: '"a"' }) } };
  await using wire = await startWire([s3], { mode: 'dev' });
  const limits = WIRE_LIMITS as { bufferedBytesMax: number };
  const before = limits.bufferedBytesMax;
  limits.bufferedBytesMax = 100_000;
  const put = (bytes: number, came = bytes) => {
    const head = [`PUT /b/k HTTP/1.1`, 'Host: localhost', `Content-Length: ${bytes}`];
    const peer = new Peer(wire);
    peer.socket.write(request(head, 'x'.repeat(came)));
    return peer;
  };
  try {
    const slow = put(60_001, 60_000);
    while (wire.server.inFlight < 1) await turns(1);
    const refused = put(60_000);
    assert.match(await refused.answers(1, ''), /^HTTP\/1\.1 503 /);
    slow.socket.write('x');
    assert.match(await slow.answers(1, '\r\n\r\n'), /^HTTP\/1\.1 200 /);
    for (let at = 0; at < 3; at++) {
      assert.match(await put(60_000).answers(1, '\r\n\r\n'), /^HTTP\/1\.1 200 /, 'what was answered is held no longer');
    }
  } finally {
    limits.bufferedBytesMax = before;
  }
});

/** A body of four pieces that are wanted back. */
class LentPieces {
  readonly released: number[] = [];
  isGivenUp = false;
  #at = 0;

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next() {
    if (this.#at === 4) return { done: true, value: undefined } as const;
    return { done: false, value: Buffer.alloc(256 * 1024, this.#at++) } as const;
  }

  async return() {
    this.isGivenUp = true;
    return { done: true, value: undefined } as const;
  }

  release(piece: Uint8Array): void {
    this.released.push(piece[0]!);
  }
}

test('the body of an answer whose client has left meanwhile is given up', async () => {
  const Body = new LentPieces();
  const asked = Promise.withResolvers<AbortSignal>();
  const GetObject: Operation = async (_input, { signal }) => {
    asked.resolve(signal);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return { Body, ContentLength: 1024 ** 2 };
  };
  await using wire = await startWire([{ name: 's3', errors: {}, operations: { GetObject } }], { mode: 'dev' });
  const peer = new Peer(wire);
  peer.socket.write('GET /b/k HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.promise;
  peer.socket.destroy();
  while (wire.server.inFlight > 0) await turns(1);
  assert.ok(Body.isGivenUp);
});

test('pieces of a lent body are given back once they are sent, by the lane and by Node’s server', async () => {
  const bodies: LentPieces[] = [];
  const GetObject = () => {
    bodies.push(new LentPieces());
    return { Body: bodies.at(-1), ContentLength: 1024 ** 2 };
  };
  await using wire = await startWire([{ name: 's3', errors: {}, operations: { GetObject } }], { mode: 'dev' });
  for (const connection of ['keep-alive', 'close']) {
    const peer = new Peer(wire);
    peer.socket.write(`GET /b/k HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\n\r\n`);
    await peer.bytes(1024 ** 2);
    await peer.answers(1, '\x03');
    assert.deepEqual(bodies.at(-1)!.released, [0, 1, 2, 3], connection);
    peer.socket.destroy();
  }
});

test('a body that is refused while it comes is held no longer, and its end is no body', async () => {
  const held = new HeldBody(body.length, Buffer.from('{'));
  const told: number[] = [];
  const content = held.whole((bytes) => {
    told.push(bytes);
    if (told.length === 2) throw new Error('too much');
  });
  assert.equal(held.arrivedBytes, 1);
  assert.equal(held.push(Buffer.from('   ')), 3);
  assert.equal(held.push(Buffer.from('  ')), 2);
  await assert.rejects(async () => content, /too much/);
  assert.equal(held.push(Buffer.from(' '.repeat(body.length))), body.length - 6);
  assert.deepEqual(told, [3, 2]);
  await assert.rejects(async () => held.whole(), { code: 'body-aborted' });
});

test('what a connection brings once it is a WebSocket is its own, though others are read meanwhile', async () => {
  const upgrades: UpgradeRoute = {
    path: '/socket',
    handle: async (_request, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      const held = [head];
      for await (const chunk of socket) held.push(chunk);
      socket.end(createHash('sha256').update(Buffer.concat(held)).digest('hex'));
    },
  };
  await using wire = await startWire([kinesis], { mode: 'dev', upgrades });
  await Promise.all(
    Array.from({ length: 6 }, async (_, lane) => {
      const peer = new Peer(wire, { allowHalfOpen: true });
      peer.socket.write(summary('before'));
      await peer.answers(1, '}');
      const asked = ['GET /socket HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'];
      const payload = Buffer.alloc(1_500_000, `frames of ${lane} `);
      peer.socket.write(Buffer.concat([Buffer.from(request(asked, '')), payload.subarray(0, 1_000)]));
      await peer.answers(2, '\r\n\r\n');
      for (let at = 1_000; at < payload.length; at += 17_777) {
        peer.socket.write(payload.subarray(at, at + 17_777));
        await turns(1);
      }
      peer.socket.end();
      await peer.closed;
      assert.equal(peer.text.slice(-64), createHash('sha256').update(payload).digest('hex'), `${lane}`);
    }),
  );
});
