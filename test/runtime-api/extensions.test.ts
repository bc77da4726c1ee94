import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InvocationAnswer } from '../../src/runtime/index.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';
import { EXTENSION, NODE_RUNTIME } from './fixtures.ts';
import { ALWAYS, compileBootstrap, has, invokeWith, layer, onEngines, provided } from './support.ts';

const CC = has('cc');
let program: Buffer | undefined;
const bootstrap = () => (program ??= compileBootstrap());

const NODE_FUNCTION = `
  process.on('SIGTERM', () => { console.log('runtime ends'); process.exit(0); });
  exports.handler = async (event) => {
    if (event.hang) await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (event.exit) process.exit(7);
    return event;
  };`;

/** What an extension wrote, by `name: JSON`. */
function said(house: RuntimeHouse, name: string): any[] {
  const head = `${name}: `;
  return house.lines.filter((line) => line.startsWith(head)).map((line) => JSON.parse(line.slice(head.length)));
}

function withExtensions(house: RuntimeHouse, names: readonly string[], script: object = {}) {
  const files = Object.fromEntries(names.map((name) => [`extensions/${name}`, EXTENSION]));
  return { layers: [layer(house, names.join('-'), files)], environment: { EXTENSION: JSON.stringify(script) } };
}

onEngines('an external extension registers, is told of each invocation, and of the end', ALWAYS, async (engine) => {
  await using house = await engine.open();
  const spec = house.spec(NODE_FUNCTION, withExtensions(house, ['watcher']));
  const first = await invokeWith(house, spec, { a: 1 });
  assert.equal(first.text, '{"a":1}');
  const second = await invokeWith(house, spec, { a: 2 });
  assert.equal(second.metering.start, 'warm');
  await house[Symbol.asyncDispose]();
  const [began, one, two, end, ...more] = said(house, 'watcher');
  assert.deepEqual(began, {
    registered: {
      functionName: spec.name,
      functionVersion: '$LATEST',
      handler: 'index.handler',
      accountId: '000000000000',
    },
    variables: ['AWS_ACCESS_KEY_ID', 'AWS_LAMBDA_FUNCTION_NAME'],
    cwd: '/',
  });
  const { deadlineMs, tracing, ...event } = one;
  assert.deepEqual(event, {
    eventType: 'INVOKE',
    requestId: first.requestId,
    invokedFunctionArn: spec.arn,
    identified: 36,
  });
  assert.ok(deadlineMs > 0);
  assert.equal(tracing.type, 'X-Amzn-Trace-Id');
  assert.match(tracing.value, /^Root=1-/);
  assert.equal(two.requestId, second.requestId);
  assert.equal(end.eventType, 'SHUTDOWN');
  assert.equal(end.shutdownReason, 'spindown');
  assert.deepEqual(more, []);
  assert.ok(house.lines.includes('EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]'));
  assert.ok(
    house.lines.some((line) => line.endsWith('runtime ends')),
    'the runtime has got SIGTERM',
  );
});

onEngines('an invocation lasts until every extension has asked for the next event', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), withExtensions(house, ['one', 'two'], { afterMs: 120 }));
  const { metering, text } = await invokeWith(house, spec, { a: 1 });
  assert.equal(text, '{"a":1}');
  assert.ok(metering.durationMs >= 110, `${metering.durationMs} ms`);
  assert.ok(metering.extensionsMs! > 0 && metering.extensionsMs! < metering.durationMs, `${metering.extensionsMs} ms`);
  assert.ok(metering.billedMs >= metering.initMs! + metering.durationMs);
  // Lines and requests come by ways of their own: all lines are there at the end.
  await house[Symbol.asyncDispose]();
  assert.deepEqual(
    said(house, 'one').map(({ eventType }) => eventType),
    [undefined, 'INVOKE', 'SHUTDOWN'],
  );
  assert.deepEqual(
    said(house, 'two').map(({ eventType }) => eventType),
    [undefined, 'INVOKE', 'SHUTDOWN'],
  );
});

onEngines('the caller has the answer when the runtime has it, and the place is free later', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), withExtensions(house, ['slow'], { afterMs: 300 }));
  const order: string[] = [];
  let tail = '';
  const onAnswer = (answer: InvocationAnswer) => {
    order.push(Buffer.from(answer.payload).toString());
    tail = answer.logTail;
  };
  const { metering, logTail } = await invokeWith(house, spec, { a: 1 }, { onAnswer });
  order.push('over');
  assert.deepEqual(order, ['{"a":1}', 'over']);
  assert.match(tail, /^START/m);
  assert.doesNotMatch(tail, /^REPORT/m);
  assert.match(logTail, /^REPORT/m);
  assert.ok(metering.extensionsMs! > 250, `${metering.extensionsMs} ms after the answer`);
});

onEngines('one that registered for SHUTDOWN alone is not waited for', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), withExtensions(house, ['quiet'], { events: ['SHUTDOWN'] }));
  for (let i = 1; i < 5; i++) assert.equal((await invokeWith(house, spec, { count: 1 })).text, String(i));
  await house[Symbol.asyncDispose]();
  assert.deepEqual(
    said(house, 'quiet').map(({ eventType }) => eventType),
    [undefined, 'SHUTDOWN'],
  );
});

for (const [kind, make] of [
  ['a runtime of its own', (house: RuntimeHouse, more: object) => provided(house, bootstrap(), more)],
  ['a managed runtime', (house: RuntimeHouse, more: object) => house.spec(NODE_FUNCTION, more)],
] as const) {
  onEngines(
    `extensions learn of a timeout and of a crash, and the next environment is new: ${kind}`,
    CC,
    async (engine) => {
      await using house = await engine.open();
      const spec = make(house, { ...withExtensions(house, ['watcher']), timeoutMs: 1_000 });
      const late = await invokeWith(house, spec, { hang: true });
      assert.ok(late.kind === 'error' && late.errorType === 'Sandbox.Timedout');
      const ended = await invokeWith(house, spec, { exit: true });
      assert.ok(ended.kind === 'error' && ended.errorType === 'Runtime.ExitError', ended.text);
      assert.match(ended.text, /exit status 7/);
      assert.equal((await invokeWith(house, spec, { a: 1 })).text, '{"a":1}');
      await house[Symbol.asyncDispose]();
      const reasons = said(house, 'watcher').flatMap(({ shutdownReason }) => shutdownReason ?? []);
      assert.deepEqual(reasons.sort(), ['failure', 'spindown', 'timeout']);
    },
  );
}

onEngines('an extension that outlasts the timeout does not cost the caller the answer', CC, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, bootstrap(), {
    ...withExtensions(house, ['slow'], { afterMs: 60_000 }),
    timeoutMs: 500,
  });
  const { kind, text, metering } = await invokeWith(house, spec, { a: 1 });
  assert.equal(kind, 'success');
  assert.equal(text, '{"a":1}');
  assert.ok(metering.durationMs >= 490);
  assert.equal((await invokeWith(house, spec, { count: 1 })).text, '1', 'its environment has gone');
});

onEngines('an extension that crashes is Extension.Crash; one that gives up says why', CC, async (engine) => {
  await using house = await engine.open();
  const fails = async (script: object) => {
    const spec = provided(house, bootstrap(), withExtensions(house, ['bad'], script));
    const { text, requestId } = await invokeWith(house, spec, { hang: true });
    const { errorType, errorMessage } = JSON.parse(text);
    return [errorType, errorMessage.replace(requestId, 'ID')];
  };
  assert.deepEqual(await fails({ crash: 'init' }), [
    'Extension.Crash',
    'RequestId: ID Error: extension bad ended: exit status 5',
  ]);
  assert.deepEqual(await fails({ crash: 'invoke' }), [
    'Extension.Crash',
    'RequestId: ID Error: extension bad ended: exit status 6',
  ]);
  assert.deepEqual(await fails({ giveUp: 'init' }), ['Extension.NoKey', 'RequestId: ID Error: no key']);
  assert.deepEqual(await fails({ giveUp: 'invoke' }), ['Extension.NoKey', 'RequestId: ID Error: no key']);
});

onEngines('an extension that cannot be started is Extension.LaunchError', CC, async (engine) => {
  await using house = await engine.open();
  const more = withExtensions(house, ['plain']);
  chmodSync(join(more.layers[0]!, 'extensions/plain'), 0o644);
  const { text } = await invokeWith(house, provided(house, bootstrap(), more), { a: 1 });
  assert.match(text, /"Extension\.LaunchError".*extensions\/plain: permission denied/);
});

onEngines(
  'a runtime beside extensions gets SIGTERM and time to end; one that ignores it is killed',
  ALWAYS,
  async (engine) => {
    await using house = await engine.open();
    const spec = provided(house, NODE_RUNTIME, withExtensions(house, ['watcher']));
    await invokeWith(house, spec, { a: 1 });
    const deaf = provided(
      house,
      NODE_RUNTIME.replace("say('ends')", "say('stays'); return"),
      withExtensions(house, ['other']),
    );
    await invokeWith(house, deaf, { a: 1 });
    await house[Symbol.asyncDispose]();
    assert.ok(house.lines.includes('ends'));
    assert.ok(house.lines.includes('stays'));
    assert.equal(said(house, 'watcher').at(-1).shutdownReason, 'spindown');
    assert.equal(said(house, 'other').at(-1).shutdownReason, 'spindown');
  },
);

onEngines('an internal extension is told of invocations, and of nothing else', ALWAYS, async (engine) => {
  await using house = await engine.open();
  const spec = provided(house, NODE_RUNTIME, { environment: { INTERNAL: '["INVOKE"]' } });
  const { requestId, metering } = await invokeWith(house, spec, { a: 1 });
  assert.ok(metering.durationMs >= 45, 'the invocation lasts as long as the extension works on it');
  assert.ok(house.lines.includes('EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]'));
  const refused = provided(house, NODE_RUNTIME, { environment: { INTERNAL: '["SHUTDOWN"]' } });
  await invokeWith(house, refused, { a: 1 });
  await house[Symbol.asyncDispose]();
  assert.ok(house.lines.includes(`inner was told of ${requestId}`));
  assert.ok(
    house.lines.some((line) => line.includes('403') && line.includes('Extension.InvalidEventType')),
    house.lines.join('\n'),
  );
});

onEngines('an internal extension in a managed runtime gets on between invocations', ALWAYS, async (engine) => {
  await using house = await engine.open();
  const code = `
    const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2020-01-01/extension';
    const registered = await fetch(api + '/register', {
      method: 'POST', headers: { 'Lambda-Extension-Name': 'inner' }, body: '{"events":["INVOKE"]}' });
    await registered.text();
    const headers = { 'Lambda-Extension-Identifier': registered.headers.get('lambda-extension-identifier') };
    void (async () => {
      for (;;) console.log('inner was told of ' + (await (await fetch(api + '/event/next', { headers })).json()).requestId);
    })();
    export const handler = async (event) => event;`;
  const spec = house.spec(code, {}, 'index.mjs');
  const told: string[] = [];
  for (let i = 0; i < 3; i++) {
    const { text, requestId } = await invokeWith(house, spec, { i });
    assert.equal(text, `{"i":${i}}`);
    told.push(requestId);
  }
  await house[Symbol.asyncDispose]();
  for (const requestId of told) {
    assert.ok(house.lines.some((line) => line.endsWith(`inner was told of ${requestId}`)));
  }
});

onEngines('a Python function has extensions as any other has', has('python3'), async (engine) => {
  await using house = await engine.open();
  const more = { runtime: 'python3.12', handler: 'index.handler', ...withExtensions(house, ['watcher']) };
  const spec = house.spec('def handler(event, context):\n    return {"got": event}\n', more, 'index.py');
  const { text, requestId } = await invokeWith(house, spec, 7);
  assert.equal(text, '{"got": 7}');
  await house[Symbol.asyncDispose]();
  assert.deepEqual(
    said(house, 'watcher').map(({ eventType, requestId: id }) => [eventType, id]),
    [
      [undefined, undefined],
      ['INVOKE', requestId],
      ['SHUTDOWN', undefined],
    ],
  );
});

onEngines('extensions of several layers run beside each other', CC, async (engine) => {
  await using house = await engine.open();
  const layers = ['one', 'two'].map((name) => layer(house, name, { [`extensions/${name}`]: EXTENSION }));
  await invokeWith(house, provided(house, bootstrap(), { layers }), { a: 1 });
  await house[Symbol.asyncDispose]();
  for (const name of ['one', 'two']) {
    assert.deepEqual(
      said(house, name).map(({ eventType }) => eventType),
      [undefined, 'INVOKE', 'SHUTDOWN'],
    );
  }
});

test('an extension that does not end is killed after two seconds', CC, async () => {
  await using house = await RuntimeHouse.open({ engine: 'process' });
  await invokeWith(house, provided(house, bootstrap(), withExtensions(house, ['deaf'], { deaf: true })), { a: 1 });
  const started = performance.now();
  await house[Symbol.asyncDispose]();
  const took = performance.now() - started;
  assert.ok(took > 1_800 && took < 10_000, `${took} ms`);
  assert.equal(said(house, 'deaf').at(-1).shutdownReason, 'spindown');
});

onEngines('an internal extension in a Python function', has('python3'), async (engine) => {
  await using house = await engine.open();
  const code = `
import json, os, threading, urllib.request
api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2020-01-01/extension'
request = urllib.request.Request(api + '/register', b'{"events":["INVOKE"]}', {'Lambda-Extension-Name': 'inner'})
headers = {'Lambda-Extension-Identifier': urllib.request.urlopen(request).headers['lambda-extension-identifier']}
def follow():
    while True:
        event = json.load(urllib.request.urlopen(urllib.request.Request(api + '/event/next', headers=headers)))
        print('inner was told of ' + event['requestId'], flush=True)
threading.Thread(target=follow, daemon=True).start()
def handler(event, context):
    return event
`;
  const spec = house.spec(code, { runtime: 'python3.12' }, 'index.py');
  const told: string[] = [];
  for (let i = 0; i < 3; i++) told.push((await invokeWith(house, spec, { i })).requestId);
  await house[Symbol.asyncDispose]();
  for (const requestId of told) assert.ok(house.lines.some((line) => line.includes(`inner was told of ${requestId}`)));
});
