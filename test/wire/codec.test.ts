import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cbor, tag } from '@smithy/core/cbor';
import { EventStreamCodec } from '@smithy/core/event-streams';
import fc from 'fast-check';
import {
  type AwsProtocol,
  compilePattern,
  decodeCbor,
  EventStreamDecoder,
  encodeCbor,
  encodeEvent,
  RawJson,
  ReadFailure,
  type RequestParts,
  ServiceCodec,
} from '../../src/codec/aws/index.ts';
import { serviceCatalog, serviceTable } from '../../src/schemas/index.ts';

const codecs = new Map<string, ServiceCodec>();

function codecOf(service: string): ServiceCodec {
  const codec = codecs.get(service) ?? new ServiceCodec(serviceTable(service));
  codecs.set(service, codec);
  return codec;
}

function parts(body: string | Uint8Array, more: Partial<RequestParts> = {}): RequestParts {
  return {
    method: 'POST',
    path: '/',
    query: '',
    headers: {},
    body: typeof body === 'string' ? Buffer.from(body) : body,
    ...more,
  };
}

function readJson(service: string, operation: string, input: unknown): any {
  return codecOf(service)
    .protocol('awsJson1_1')
    .read(operation, parts(JSON.stringify(input)));
}

function messageOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ReadFailure, String(error));
    return error.message;
  }
  return assert.fail('was read');
}

test('every constraint that a request breaks is named, where it is and in AWS words', () => {
  const wrong: readonly (readonly [string, string, unknown, string])[] = [
    [
      'kinesis',
      'CreateStream',
      {},
      "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null",
    ],
    [
      'kinesis',
      'CreateStream',
      { StreamName: 'a', ShardCount: 0 },
      "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      'kinesis',
      'PutRecords',
      {
        StreamName: 'a',
        Records: [
          { Data: 'AAAA', PartitionKey: 'k' },
          { Data: 'AAAA', PartitionKey: '' },
        ],
      },
      "1 validation error detected: Value '' at 'records.2.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      'kinesis',
      'GetShardIterator',
      { StreamName: 'a', ShardId: 'shardId-0', ShardIteratorType: 'NEWEST' },
      "1 validation error detected: Value 'NEWEST' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: [AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, TRIM_HORIZON, LATEST, AT_TIMESTAMP]",
    ],
    [
      'kinesis',
      'DescribeStream',
      { StreamName: 'a b' },
      "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    ],
    [
      'kinesis',
      'PutRecords',
      { StreamName: 'a', Records: [] },
      "1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ],
    [
      'kinesis',
      'PutRecords',
      { StreamName: 'a', Records: [null] },
      "1 validation error detected: Value null at 'records.1.member' failed to satisfy constraint: Member must not be null",
    ],
  ];
  for (const [service, operation, input, message] of wrong)
    assert.equal(
      messageOf(() => readJson(service, operation, input)),
      message,
    );
});

test('what has the wrong type is told apart from what breaks a constraint', () => {
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ StreamName: 5 }, 'NUMBER_VALUE cannot be converted to String'],
    [{ StreamName: 1.5 }, 'DECIMAL_VALUE cannot be converted to String'],
    [{ StreamName: true }, 'TRUE_VALUE cannot be converted to String'],
    [{ StreamName: {} }, 'Start of structure or map found where not expected.'],
    [{ StreamName: 's', ShardCount: '1' }, 'STRING_VALUE cannot be converted to Integer'],
    [[], 'Start of list found where not expected'],
    ['text', 'Unexpected field type'],
  ];
  for (const [input, message] of wrong)
    assert.equal(
      messageOf(() => readJson('kinesis', 'CreateStream', input)),
      message,
    );
  assert.equal(
    messageOf(() => readJson('kinesis', 'PutRecord', { Data: 'AAA' })),
    'Base64 encoded length is expected a multiple of 4 bytes but found: 3',
  );
  assert.match(
    messageOf(() => codecOf('kinesis').protocol('awsJson1_1').read('PutRecord', parts('{'))),
    /^Could not parse request body into json/,
  );
});

test('unknown members and nulls are left out, and no key reaches a prototype', () => {
  const input = codecOf('dynamodb')
    .protocol('awsJson1_0')
    .read(
      'PutItem',
      parts(
        '{"TableName":"things","Nope":1,"ConditionExpression":null,"__proto__":{"polluted":1},"Item":{"__proto__":{"S":"x"},"b":{"B":"aGk="}}}',
      ),
    ) as any;
  assert.deepEqual(Object.keys(input), ['TableName', 'Item']);
  assert.deepEqual(Object.keys(input.Item), ['__proto__', 'b']);
  assert.equal(Object.getPrototypeOf(input.Item), Object.prototype);
  assert.equal(Buffer.from(input.Item.b.B).toString(), 'hi');
});

test('nesting without end is refused, and does not exhaust the stack', () => {
  const deep = `{"TableName":"things","Item":{"a":${'{"L":['.repeat(5000)}${']}'.repeat(5000)}}}`;
  assert.equal(
    messageOf(() => codecOf('dynamodb').protocol('awsJson1_0').read('PutItem', parts(deep))),
    'The request is nested too deeply.',
  );
  const path = `Attributes${'.entry.1'.repeat(100)}=x`;
  assert.equal(
    messageOf(() => codecOf('sns').protocol('awsQuery').read('CreateTopic', parts(path))),
    'The request is nested too deeply.',
  );
  const xml = '<Delete>'.repeat(5000);
  const s3 = parts(xml, { path: '/b', query: 'delete' });
  assert.match(
    messageOf(() => codecOf('s3').protocol('restXml').read('DeleteObjects', s3)),
    /not well-formed/,
  );
  const nested = Buffer.alloc(10_000, 0x81);
  assert.match(
    messageOf(() => codecOf('cloudwatch').protocol('rpcv2Cbor').read('PutMetricData', parts(nested))),
    /cbor|nested/,
  );
});

test('patterns compile to JavaScript, all but none', () => {
  const lost = new Set<string>();
  for (const name of Object.keys(serviceCatalog())) {
    for (const shape of serviceTable(name).shapes) {
      if ('pattern' in shape && shape.pattern !== undefined && !compilePattern(shape.pattern))
        lost.add(`${name}: ${shape.pattern}`);
    }
  }
  assert.deepEqual([...lost], []);
});

test('no pattern takes long over what almost fits', () => {
  const slow: string[] = [];
  for (const name of Object.keys(serviceCatalog())) {
    for (const shape of serviceTable(name).shapes) {
      if (!('pattern' in shape) || shape.pattern === undefined) continue;
      if (isSlow(compilePattern(shape.pattern)!, ('max' in shape && shape.max) || 2048))
        slow.push(`${name}: ${shape.pattern}`);
    }
  }
  assert.deepEqual(slow, []);
});

/** Lengths grow, so that what takes exponential time is found before it takes for ever. */
function isSlow(pattern: RegExp, lengthMax: number): boolean {
  for (const seed of ['a', '1', '-', 'a-', 'a.', 'arn:aws:', '/', ' ', '0/', '\t']) {
    for (const length of [16, 24, 32, 100, 1000, 2048]) {
      if (length > lengthMax) break;
      const started = process.hrtime.bigint();
      pattern.test(`${seed.repeat(length).slice(0, length - 1)}\u0000`);
      if (process.hrtime.bigint() - started > 150_000_000n) return true;
    }
  }
  return false;
}

const READERS: readonly (readonly [string, AwsProtocol, readonly string[]])[] = [
  ['kinesis', 'awsJson1_1', ['PutRecords', 'SubscribeToShard']],
  ['dynamodb', 'awsJson1_0', ['PutItem', 'TransactWriteItems']],
  ['lambda', 'restJson1', ['CreateFunction', 'Invoke']],
  ['sns', 'awsQuery', ['CreateTopic', 'PublishBatch']],
  ['s3', 'restXml', ['DeleteObjects', 'PutBucketLifecycleConfiguration', 'CompleteMultipartUpload']],
  ['cloudwatch', 'rpcv2Cbor', ['PutMetricData']],
];

for (const [service, protocol, operations] of READERS) {
  test(`${protocol}: no bytes make the reader throw anything but its own failure`, () => {
    const reader = codecOf(service).protocol(protocol);
    const document = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
      fc
        .string({
          unit: fc.constantFrom(
            '<',
            '>',
            '/',
            'a',
            '=',
            '"',
            '&',
            ';',
            ' ',
            '!',
            '-',
            '[',
            ']',
            'CDATA',
            '.1',
            'entry',
          ),
          maxLength: 60,
        })
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...operations), document, fc.string(), (operation, body, query) => {
        try {
          reader.read(operation, parts(body, { path: '/b/k', query }), new Map([['FunctionName', '%zz']]));
        } catch (error) {
          assert.ok(error instanceof ReadFailure, String((error as Error).stack));
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('what is written is read back, in every protocol that has both ways', () => {
  const item = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.record({ S: fc.string() }),
      fc.record({ B: fc.uint8Array() }),
      fc.record({ BOOL: fc.boolean() }),
      fc.record({ L: fc.array(tie('value'), { maxLength: 3 }) }),
      fc.record({ M: fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 }) }),
    ),
  })).value;
  const reader = codecOf('dynamodb').protocol('awsJson1_0');
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), item, { maxKeys: 4, noNullPrototype: true }), (Item) => {
      // An output with the same members as an input: what GetItem gives, PutItem takes.
      const { body } = reader.write('GetItem', { Item }, 'id', () => assert.fail());
      const { Item: back } = reader.read('PutItem', parts(`{"TableName":"things",${(body as string).slice(1)}`)) as any;
      assert.deepEqual(plain(back), plain(Item));
    }),
    { numRuns: 200 },
  );
});

/** Views of bytes compare by their bytes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, one) =>
      one instanceof Uint8Array || one?.type === 'Buffer' ? Buffer.from(one.data ?? one).toString('hex') : one,
    ),
  );
}

test('JSON that is stored as such is written as it is, as a structure, a map, a list or inside of one', () => {
  const write = (operation: string, output: unknown) => {
    const { body } = codecOf('dynamodb')
      .protocol('awsJson1_0')
      .write(operation, output, 'id', () => assert.fail());
    return body;
  };
  const item = '{"a":{"S":"ü"},"n":{"N":"1"}}';
  const raw = new RawJson(item);
  assert.equal(write('GetItem', { Item: raw }), `{"Item":${item}}`);
  assert.equal(
    write('Query', { Count: 2, Items: [raw, { b: { S: 'x' } }] }),
    `{"Items":[${item},{"b":{"S":"x"}}],"Count":2}`,
  );
  assert.equal(write('Query', { Items: new RawJson(`[${item},${item}]`) }), `{"Items":[${item},${item}]}`);
  assert.equal(write('GetItem', { Item: { a: new RawJson('{"L":[]}') } }), '{"Item":{"a":{"L":[]}}}');
  assert.equal(write('BatchGetItem', { Responses: { t: [raw] } }), `{"Responses":{"t":[${item}]}}`);
});

test('CBOR: members, timestamps and errors', () => {
  const codec = codecOf('cloudwatch').protocol('rpcv2Cbor');
  const body = cbor.serialize({
    Namespace: 'n',
    MetricData: [{ MetricName: 'm', Value: 2.5, Timestamp: tag({ tag: 1, value: 1.5 }) }],
    Nope: 1,
  });
  const input = codec.read('PutMetricData', parts(body)) as any;
  assert.equal(input.MetricData[0].Value, 2.5);
  assert.deepEqual(input.MetricData[0].Timestamp, new Date(1500));
  assert.equal('Nope' in input, false);
  const failure = codec.writeFailure({ type: 'InvalidParameterValueException', status: 400, message: 'no' }, 'id');
  const decoded = cbor.deserialize(failure.body as Uint8Array);
  assert.equal(decoded.__type, 'com.amazonaws.cloudwatch#InvalidParameterValueException');
  assert.equal(decoded.message, 'no');
  assert.equal(failure.headers['x-amzn-query-error'], 'InvalidParameterValue;Sender');
});

test('CBOR is written as @smithy/core reads it, and read as it writes', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      fc.double({ noNaN: true }),
      fc.maxSafeInteger(),
      fc.uint8Array(),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(fc.string(), tie('any'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).any;
  const codec = codecOf('cloudwatch').protocol('rpcv2Cbor');
  fc.assert(
    fc.property(value, fc.double({ noNaN: true, noDefaultInfinity: true }), (any, number) => {
      const bytes = Buffer.from(cbor.serialize(any));
      assert.deepEqual(hex(decodeCbor(bytes)), hex(any));
      assert.deepEqual(hex(cbor.deserialize(encodeCbor(any))), hex(any));
      const input = codec.read(
        'PutMetricData',
        parts(cbor.serialize({ Namespace: 'n', MetricData: [{ MetricName: 'm', Value: number }] })),
      ) as any;
      assert.ok(input.MetricData[0].Value === number);
    }),
    { numRuns: 300 },
  );
});

test('CBOR as RFC 8949 shows it, and nothing when it is cut', () => {
  const examples: readonly (readonly [string, unknown])[] = [
    ['1bffffffffffffffff', 18446744073709551615n],
    ['3903e7', -1000],
    ['f93c00', 1],
    ['f97bff', 65504],
    ['f90001', 2 ** -24],
    ['fa47c35000', 100000],
    ['fb3ff199999999999a', 1.1],
    ['c11a514b67b0', new Date(1363896240000)],
    ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
    ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
    ['7f657374726561646d696e67ff', 'streaming'],
    ['f6', null],
  ];
  for (const [text, expected] of examples) {
    const bytes = Buffer.from(text, 'hex');
    assert.deepEqual(decodeCbor(bytes), expected, text);
    for (let end = 0; end < bytes.length; end++)
      assert.throws(() => decodeCbor(bytes.subarray(0, end)), { name: 'ReadFailure' });
  }
});

/** Bytes as text, so that views of them compare; a key `__proto__` compares like others. */
function hex(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(hex);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.keys(value)
    .filter((key) => key !== '__proto__')
    .map((key) => [key, hex((value as Record<string, unknown>)[key])]);
}

test('event stream frames are those of @smithy/core, and read back cut at every byte', () => {
  const oracle = new EventStreamCodec(
    (bytes) => Buffer.from(bytes).toString('utf8'),
    (text) => Buffer.from(text),
  );
  const frames = [
    encodeEvent({ ':message-type': 'event', ':event-type': 'A' }, 'grüße'),
    encodeEvent({}, new Uint8Array(0)),
    encodeEvent({ a: '' }, Buffer.alloc(300, 7)),
  ];
  for (const frame of frames) {
    const { headers, body } = oracle.decode(frame);
    assert.deepEqual(Buffer.from(oracle.encode({ headers, body })), frame);
  }
  const bytes = Buffer.concat(frames);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const decoder = new EventStreamDecoder();
    const messages = [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))];
    assert.deepEqual(
      messages.map(({ payload }) => payload.length),
      [7, 0, 300],
    );
    assert.equal(messages[0]!.headers.get(':event-type'), 'A');
    assert.equal(decoder.pendingBytes, 0);
  }
  for (let at = 0; at < frames[0]!.length; at++) {
    const damaged = Buffer.from(frames[0]!);
    damaged[at] = damaged[at]! ^ 1;
    assert.throws(() => new EventStreamDecoder().push(damaged), { name: 'ReadFailure' }, `byte ${at}`);
  }
});

test('all header types of an event are read', () => {
  const oracle = new EventStreamCodec(
    (bytes) => Buffer.from(bytes).toString('utf8'),
    (text) => Buffer.from(text),
  );
  const headers = {
    yes: { type: 'boolean', value: true },
    no: { type: 'boolean', value: false },
    byte: { type: 'byte', value: -3 },
    short: { type: 'short', value: -300 },
    integer: { type: 'integer', value: 70_000 },
    binary: { type: 'binary', value: Buffer.from('b') },
    string: { type: 'string', value: 's' },
    time: { type: 'timestamp', value: new Date(1_700_000_000_000) },
    id: { type: 'uuid', value: '01234567-89ab-cdef-0123-456789abcdef' },
  } as const;
  const [message] = new EventStreamDecoder().push(oracle.encode({ headers: headers as any, body: new Uint8Array(0) }));
  const { headers: got } = message!;
  assert.deepEqual(
    [got.get('yes'), got.get('no'), got.get('byte'), got.get('short'), got.get('integer'), got.get('string')],
    [true, false, -3, -300, 70_000, 's'],
  );
  assert.deepEqual(got.get('time'), new Date(1_700_000_000_000));
});

test('no bytes make the event stream decoder throw anything but its own failure', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
      const decoder = new EventStreamDecoder();
      try {
        for (const piece of pieces) decoder.push(piece);
      } catch (error) {
        assert.ok(error instanceof ReadFailure, String(error));
      }
    }),
  );
});

test('S3 tells operations on one path apart', () => {
  const routes: readonly (readonly [string, string, string, Record<string, string>, string])[] = [
    ['GET', '/', '', {}, 'ListBuckets'],
    ['GET', '/b', '', {}, 'ListObjects'],
    ['GET', '/b/', 'list-type=2&prefix=x', {}, 'ListObjectsV2'],
    ['GET', '/b', 'location', {}, 'GetBucketLocation'],
    ['GET', '/b', 'versions', {}, 'ListObjectVersions'],
    ['GET', '/b', 'uploads', {}, 'ListMultipartUploads'],
    ['PUT', '/b', '', {}, 'CreateBucket'],
    ['DELETE', '/b', '', {}, 'DeleteBucket'],
    ['HEAD', '/b', '', {}, 'HeadBucket'],
    ['POST', '/b', 'delete', {}, 'DeleteObjects'],
    ['GET', '/b/k', '', {}, 'GetObject'],
    ['GET', '/b/k/l/', '', {}, 'GetObject'],
    ['GET', '/b/k', 'tagging', {}, 'GetObjectTagging'],
    ['GET', '/b/k', 'uploadId=u', {}, 'ListParts'],
    ['PUT', '/b/k', 'x-id=PutObject', {}, 'PutObject'],
    ['PUT', '/b/k', '', { 'x-amz-copy-source': '/a/b' }, 'CopyObject'],
    ['PUT', '/b/k', 'partNumber=1&uploadId=u', {}, 'UploadPart'],
    ['PUT', '/b/k', 'partNumber=1&uploadId=u', { 'x-amz-copy-source': '/a/b' }, 'UploadPartCopy'],
    ['POST', '/b/k', 'uploads', {}, 'CreateMultipartUpload'],
    ['POST', '/b/k', 'uploadId=u', {}, 'CompleteMultipartUpload'],
    ['DELETE', '/b/k', 'uploadId=u', {}, 'AbortMultipartUpload'],
    ['DELETE', '/b/k', '', {}, 'DeleteObject'],
  ];
  for (const [method, path, query, headers, operation] of routes) {
    assert.equal(codecOf('s3').route(method, path, query, headers)?.operation, operation, `${method} ${path}?${query}`);
  }
  assert.equal(codecOf('s3').route('GET', '/b/k/l/', '', {})?.labels.get('Key'), 'k/l/');
});

test('every operation of every REST service is found by its own URI', () => {
  const lost: string[] = [];
  for (const [name, { protocols }] of Object.entries(serviceCatalog())) {
    if (!protocols.includes('restJson1')) continue;
    for (const [operation, { http }] of Object.entries(serviceTable(name).operations)) {
      const [path, query = ''] = http![1].replace(/\{[^}]+\}/g, 'x').split('?') as [string, string?];
      const found = codecOf(name).route(http![0], path, query, {});
      if (found?.operation !== operation)
        lost.push(`${name} ${operation} (${http![0]} ${http![1]}): ${found?.operation}`);
    }
  }
  assert.deepEqual(lost, []);
});

test('no path makes the router throw', () => {
  fc.assert(
    fc.property(fc.constantFrom('GET', 'PUT', 'X'), fc.string(), fc.string(), (method, path, query) => {
      try {
        codecOf('s3').route(method, `/${path}`, query, {});
      } catch (error) {
        assert.ok(error instanceof ReadFailure, String(error));
      }
    }),
  );
});
