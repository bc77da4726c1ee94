/** Powertools' tracer, and with it X-Ray's SDK: what they send to X-Ray's daemon is part of the invocation's trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateQueueCommand } from '@aws-sdk/client-sqs';
import { ENGINES } from '../lambda/engines.ts';
import { attributesOf, PowertoolsHouse } from './house.ts';

const TRACED = { TracingConfig: { Mode: 'Active' } } as const;

for (const { engine, skip } of ENGINES) {
  test(`segments of the tracer are spans of the invocation's trace (${engine})`, { skip }, async () => {
    await using house = await PowertoolsHouse.open(engine);
    const { QueueUrl }: any = await house.sqs.send(new CreateQueueCommand({ QueueName: 'q' }) as any);
    await house.deploy('tracer', { ...TRACED, Environment: { Variables: { QUEUE: QueueUrl } } });
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
  });
}
