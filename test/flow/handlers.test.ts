import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { TestNode } from '../support/node.ts';
import { assertHealthy, assertOrdered, Flow, type FlowSettings, fleet, type Reading } from './flow.ts';

const READINGS = 25;
const POISON: Reading = [1, 20];

/** Sees all records but the poison; a batch with that one `fails` before anything of it is seen. */
function unless(fails: string): string {
  return `
    const isPoison = (record) => String(readingOf(record)) === '${POISON}';
    exports.handler = async ({ Records }) => {
      if (Records.some(isPoison)) { ${fails} }
      await witness(Records);
    };
  `;
}

interface Case {
  readonly name: string;
  readonly settings: FlowSettings;
  /** Whether the failure is the function's, or what it has answered. */
  readonly functionError: 'Unhandled' | null;
  readonly invocations: number;
}

const BISECT: FlowSettings['mapping'] = { BisectBatchOnFunctionError: true, MaximumRetryAttempts: 0 };
const PARTIAL: FlowSettings['mapping'] = { FunctionResponseTypes: ['ReportBatchItemFailures'] };

const CASES: readonly Case[] = [
  {
    name: 'throws',
    settings: { handler: unless("throw new Error('poison');"), mapping: { BatchSize: 100, MaximumRetryAttempts: 2 } },
    functionError: 'Unhandled',
    invocations: 3,
  },
  {
    name: 'hangs',
    settings: {
      handler: unless('await new Promise(() => setInterval(() => {}, 1000));'),
      function: { Timeout: 2 },
      mapping: { BatchSize: 2 },
    },
    functionError: 'Unhandled',
    invocations: 1,
  },
  {
    name: 'loops',
    settings: { handler: unless('for (;;);'), function: { Timeout: 2 }, mapping: { BatchSize: 1 } },
    functionError: 'Unhandled',
    invocations: 1,
  },
  {
    name: 'exits',
    settings: { handler: unless('process.exit(3);'), mapping: { BatchSize: 10 } },
    functionError: 'Unhandled',
    invocations: 1,
  },
  {
    name: 'allocates without end',
    settings: {
      handler: unless('const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));'),
      function: { MemorySize: 128 },
      mapping: { BatchSize: 4 },
    },
    functionError: 'Unhandled',
    invocations: 1,
  },
  {
    name: 'answers more than a function may',
    settings: { handler: unless("return 'x'.repeat(7 << 20);"), mapping: { BatchSize: 10 } },
    functionError: 'Unhandled',
    invocations: 1,
  },
  {
    name: 'answers what is no JSON',
    settings: { handler: unless('return { batchItemFailures: 1n };'), mapping: { BatchSize: 10, ...PARTIAL } },
    functionError: 'Unhandled',
    invocations: 1,
  },
  {
    name: 'reports what is no list of failures',
    settings: { handler: unless("return 'all is well';"), mapping: { BatchSize: 10, ...PARTIAL } },
    functionError: null,
    invocations: 1,
  },
  {
    name: 'reports the failure of a record that it was not given',
    settings: {
      handler: unless("return { batchItemFailures: [{ itemIdentifier: '4711' }] };"),
      mapping: { BatchSize: 10, ...PARTIAL },
    },
    functionError: null,
    invocations: 1,
  },
  {
    name: 'reports one record as failed',
    settings: {
      handler: `
        exports.handler = async ({ Records }) => {
          const at = Records.findIndex((record) => String(readingOf(record)) === '${POISON}');
          await witness(at < 0 ? Records : Records.slice(0, at));
          return { batchItemFailures: at < 0 ? [] : [{ itemIdentifier: Records[at].kinesis.sequenceNumber }] };
        };
      `,
      mapping: { BatchSize: 10, ...PARTIAL },
    },
    functionError: null,
    invocations: 1,
  },
];

for (const { name, settings, functionError, invocations } of CASES) {
  test(`a handler that ${name} on one record: that one is a dead letter, all others arrive in order`, async () => {
    await using node = await TestNode.start();
    const flow = new Flow(node);
    const dead = await flow.queue('dead');
    const DestinationConfig = { OnFailure: { Destination: dead.arn } };
    await flow.deploy({ ...settings, mapping: { ...BISECT, DestinationConfig, ...settings.mapping } });
    const devices = await fleet(node);
    await Promise.all(devices.map((device) => device.reach(READINGS)));
    await Promise.all(devices.map((device) => device.stop()));
    const acknowledged = devices.flatMap((device) => device.acknowledged);
    const good = acknowledged.filter((reading) => String(reading) !== String(POISON));
    assert.equal(good.length, acknowledged.length - 1);

    const seen = await flow.witnessed(good);
    assertOrdered(seen);
    // Where time is short, a busy machine may end a batch that has told what it saw.
    if (settings.function?.Timeout === undefined) {
      assert.equal(new Set(seen.map(String)).size, seen.length, 'a batch that failed had seen nothing');
    }
    const letter = (await flow.message(dead.url)) as DeadLetter;
    assert.equal(letter.requestContext.condition, 'RetryAttemptsExhausted');
    assert.equal(letter.requestContext.functionArn, 'arn:aws:lambda:us-east-1:000000000000:function:witness');
    assert.ok(letter.requestContext.approximateInvokeCount >= invocations);
    assert.equal(letter.responseContext.functionError, functionError);
    assert.deepEqual(await recordsOf(flow, letter), [POISON]);
    await assertHealthy(node);
  });
}

interface DeadLetter {
  readonly requestContext: {
    readonly condition: string;
    readonly functionArn: string;
    readonly approximateInvokeCount: number;
  };
  readonly responseContext: { readonly functionError: string | null };
  readonly KinesisBatchInfo: {
    readonly shardId: string;
    readonly startSequenceNumber: string;
    readonly endSequenceNumber: string;
    readonly batchSize: number;
    readonly streamArn: string;
  };
}

/** What a dead letter speaks of, fetched from the stream as one does on AWS. */
async function recordsOf(flow: Flow, { KinesisBatchInfo: info }: DeadLetter): Promise<Reading[]> {
  assert.equal(info.streamArn, 'arn:aws:kinesis:us-east-1:000000000000:stream/flow');
  const kinesis = new KinesisClient(flow.clientOptions);
  const { ShardIterator } = await kinesis.send(
    new GetShardIteratorCommand({
      StreamName: 'flow',
      ShardId: info.shardId,
      ShardIteratorType: 'AT_SEQUENCE_NUMBER',
      StartingSequenceNumber: info.startSequenceNumber,
    }),
  );
  const { Records = [] } = await kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: info.batchSize }));
  assert.equal(Records.at(-1)?.SequenceNumber, info.endSequenceNumber);
  return Records.map(({ Data }) => JSON.parse(Buffer.from(Data!).toString()));
}
