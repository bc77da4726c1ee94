/** What functions send to X-Ray's daemon: Powertools' tracer and X-Ray's SDK, plain senders, and hostile ones. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CreateFunctionCommand, type CreateFunctionCommandInput } from '@aws-sdk/client-lambda';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { ENGINES } from '../lambda/engines.ts';
import { zipOf } from '../support/clients.ts';
import { until } from '../support/eventually.ts';
import { attributesOf, PowertoolsHouse } from './house.ts';

const PYTHON = `
import json, os, socket, time
def handler(event, context):
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    trace = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    now = time.time()
    segment = {"type": "subsegment", "name": "from python", "id": "0123456789abcdef", "trace_id": trace["Root"],
               "parent_id": trace["Parent"], "start_time": now - 0.01, "end_time": now}
    text = '{"format":"json","version":1}\\n' + json.dumps(segment)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(text.encode(), (host, int(port)))
`;

/** Sends what it is asked to, and says what its environment says of the daemon. */
const SENDS = `
const { createSocket } = require('node:dgram');
exports.handler = async ({ texts = [], times = 1, own }) => {
  const [host, port] = (process.env.AWS_XRAY_DAEMON_ADDRESS ?? '127.0.0.1:2000').split(':');
  const socket = createSocket('udp4');
  const send = (text) => new Promise((done) => socket.send(text, Number(port), host, done));
  const trace = Object.fromEntries(process.env._X_AMZN_TRACE_ID.split(';').map((part) => part.split('=')));
  for (const text of texts) for (let time = 0; time < times; time++) await send(text);
  const now = Date.now() / 1000;
  const segment = { name: own, id: 'fedcba9876543210', trace_id: trace.Root, parent_id: trace.Parent, type: 'subsegment', start_time: now, end_time: now };
  if (own) await send('{"format":"json","version":1}\\n' + JSON.stringify(segment));
  socket.close();
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name.includes('XRAY')));
};`;

async function create(
  house: PowertoolsHouse,
  name: string,
  more: Partial<CreateFunctionCommandInput> = {},
): Promise<void> {
  await house.lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::000000000000:role/segments',
      Handler: 'index.handler',
      Code: { ZipFile: await zipOf({ 'index.js': SENDS, 'index.py': PYTHON }) },
      TracingConfig: { Mode: 'Active' },
      Timeout: 30,
      ...more,
    }) as any,
  );
}

async function counter(house: PowertoolsHouse, labels: string): Promise<number> {
  const text = await (await fetch(`${house.endpoint}/metrics`)).text();
  const name = `millrace_segments_dropped_total{${labels}} `;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.slice(name.length) ?? 0,
  );
}

for (const { engine, skip } of ENGINES) {
  describe(`engine ${engine}`, { skip }, () => {
    let house: PowertoolsHouse;
    before(async () => {
      house = await PowertoolsHouse.open(engine);
    });
    after(() => house[Symbol.asyncDispose]());

    test("segments of Powertools' tracer are spans of the invocation's trace", async () => {
      const { QueueUrl }: any = await house.sqs.send(new CreateQueueCommand({ QueueName: 'q' }) as any);
      await house.deploy('tracer', {
        TracingConfig: { Mode: 'Active' },
        Environment: { Variables: { QUEUE: QueueUrl } },
      });
      const { traceId, sampled } = await house.invoke('tracer', { order: 7 });
      assert.equal(sampled, true);
      const own = await house.span('## index.handler');
      assert.equal(`1-${own.traceId.slice(0, 8)}-${own.traceId.slice(8)}`, traceId);
      const invocation = await house.span('tracer');
      assert.deepEqual([own.traceId, own.parentSpanId], [invocation.traceId, invocation.spanId]);
      const attributes = attributesOf(own);
      assert.deepEqual(
        [attributes['annotation.ColdStart'], attributes['annotation.Service'], Number(attributes['annotation.order'])],
        [true, 'till', 7],
      );
      assert.equal(attributes['metadata.till.cart'], '{"items":[1,2]}');
      const call = await house.span('SQS');
      assert.deepEqual([call.traceId, call.parentSpanId], [own.traceId, own.spanId]);
      assert.equal(attributesOf(call)['aws.operation'], 'SendMessage');

      await assert.rejects(house.invoke('tracer', { order: 8, fails: true }), { message: 'no such order' });
      const failed = await house.span('## index.handler', (span) => span.spanId !== own.spanId);
      assert.equal(failed.status.message, 'TypeError: no such order');

      house.sampled = false;
      assert.deepEqual((await house.invoke('tracer', { order: 9 })).sampled, false);
      house.sampled = true;
    });

    test('only a traced function has the daemon, in every language', async () => {
      await create(house, 'traced');
      await create(house, 'plain', { TracingConfig: { Mode: 'PassThrough' } });
      await create(house, 'python', { Runtime: 'python3.11' });
      const { AWS_XRAY_DAEMON_ADDRESS: address, ...others } = await house.invoke('traced', { own: 'from node' });
      assert.match(address, engine === 'namespace' ? /^127\.0\.0\.1:2000$/ : /^127\.0\.0\.1:\d+$/);
      const [host, port] = address.split(':');
      assert.deepEqual(others, {
        AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
        _AWS_XRAY_DAEMON_ADDRESS: host,
        _AWS_XRAY_DAEMON_PORT: port,
      });
      assert.deepEqual(await house.invoke('plain', {}), { AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR' });
      await house.span('from node');
      await house.invoke('python', {});
      const span = await house.span('from python');
      const invocation = await house.span('python');
      assert.deepEqual([span.traceId, span.parentSpanId], [invocation.traceId, invocation.spanId]);
      assert.equal(attributesOf(invocation)['faas.name'], 'python');
    });

    test(`a function cannot write into other traces, nor harm the node by what it sends (${engine})`, {
      skip,
    }, async () => {
      await create(house, 'hostile');
      const now = Date.now() / 1000;
      const foreign = {
        name: 'forged',
        id: '0123456789abcdef',
        trace_id: `1-${'a'.repeat(8)}-${'b'.repeat(24)}`,
        start_time: now,
        end_time: now,
      };
      const header = '{"format":"json","version":1}\n';
      const texts = [
        header + JSON.stringify(foreign),
        header,
        '',
        '\0'.repeat(60_000),
        `${header}{"name":${'['.repeat(30_000)}`,
        `${header}${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`,
      ];
      await house.invoke('hostile', { texts, own: 'after it all' });
      await house.span('after it all');
      await until(async () => (await counter(house, 'reason="invalid"')) >= 4, 'what was dropped');
      assert.equal(await counter(house, 'reason="unknown-trace"'), 1);
      assert.equal(house.spans.filter(({ name }) => name === 'forged').length, 0);
    });

    test('a function that floods its daemon loses it, and the node serves on', async () => {
      await create(house, 'flood', { MemorySize: 1769 });
      await create(house, 'other');
      {
        using _held = house.holdSecond();
        await until(async () => {
          await house.invoke('flood', { texts: ['x'], times: 6_000 });
          return (await counter(house, 'reason="flood"')) > 0;
        }, 'a flood');
      }
      await house.invoke('other', { own: 'from the other' });
      // Where they share a network they share what they may send in a second.
      if (engine === 'namespace') await house.span('from the other');
      const health = await fetch(`${house.endpoint}/_millrace/health`);
      assert.deepEqual(await health.json(), { status: 'ok' });
    });
  });
}
