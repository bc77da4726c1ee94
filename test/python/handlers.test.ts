import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FunctionSpec } from '../../src/runtime/index.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';
import { until } from '../support/eventually.ts';
import { once, PYTHON, pythonSpec, RUNTIME } from './support.ts';

const RUNTIME_FOLDER = join(import.meta.dirname, '../../runtimes/python');

let house: RuntimeHouse;
before(async () => {
  house = await RuntimeHouse.open({ blanks: 2 });
});
after(() => house[Symbol.asyncDispose]());

const spec = (code: string, more: Partial<FunctionSpec> = {}) => pythonSpec(house, code, more);
const call = (code: string, event: unknown = {}, more: Partial<FunctionSpec> = {}) =>
  house.invoke(spec(code, more), event);

test('every file of the runtime compiles', PYTHON, () => {
  const files = readdirSync(RUNTIME_FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.py'),
  );
  const compile = 'import sys\nfor f in sys.argv[1:]: compile(open(f, encoding="utf-8").read(), f, "exec")';
  const { status, stderr } = spawnSync('python3', ['-c', compile, ...files], { cwd: RUNTIME_FOLDER, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.ok(files.length > 10);
});

test('a handler gets the event and a context with all that Lambda says of an invocation', PYTHON, async () => {
  const code = `
def handler(event, context):
    names = [n for n in dir(context) if not n.startswith('_')]
    left = context.get_remaining_time_in_millis()
    return dict(event=event, names=names, left=left, id=context.aws_request_id, name=context.function_name,
                version=context.function_version, memory=context.memory_limit_in_mb, group=context.log_group_name,
                stream=context.log_stream_name, arn=context.invoked_function_arn,
                identity=context.identity.cognito_identity_id, client=context.client_context)
`;
  const { value, kind } = await call(code, { text: 'ünï', list: [1, 2.5, null] }, { timeoutMs: 5_000 });
  assert.equal(kind, 'success', JSON.stringify(value));
  assert.deepEqual(value.event, { text: 'ünï', list: [1, 2.5, null] });
  assert.ok(value.left > 4_000 && value.left <= 5_000);
  assert.match(value.id, /^[0-9a-f-]{36}$/);
  assert.match(value.stream, /\[\$LATEST\][0-9a-f]{32}$/);
  assert.equal(value.group, `/aws/lambda/${value.name}`);
  assert.equal(value.arn, `arn:aws:lambda:us-east-1:000000000000:function:${value.name}`);
  assert.deepEqual([value.version, value.memory, value.identity, value.client], ['$LATEST', '256', null, null]);
  for (const name of ['log', 'tenant_id', 'w3c', 'client_context', 'identity']) assert.ok(value.names.includes(name));
});

test('the client context is an object with its parts', PYTHON, async () => {
  const code = `
def handler(event, context):
    c = context.client_context
    return [c.client.app_title, c.client.installation_id, c.custom, c.env, context.w3c()]
`;
  const given = {
    client: { app_title: 'app' },
    custom: { a: 1 },
    env: { locale: 'de' },
    w3c: { traceparent: '00-a-b-01', other: 'x' },
  };
  const clientContext = Buffer.from(JSON.stringify(given)).toString('base64');
  const invoke = async (context: string) => {
    using slot = await house.runtime.reserve(spec(code), { wait: true });
    const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false };
    const result = await slot.invoke({
      requestId: 'r',
      payload: Buffer.from('{}'),
      trace: trace as never,
      clientContext: context,
    });
    return JSON.parse(Buffer.from(result.payload).toString());
  };
  assert.deepEqual(await invoke(clientContext), [
    'app',
    null,
    { a: 1 },
    { locale: 'de' },
    { traceparent: '00-a-b-01' },
  ]);
  const broken = await invoke(Buffer.from('{').toString('base64'));
  assert.equal(broken.errorType, 'Runtime.LambdaContextUnmarshalError');
  assert.match(broken.errorMessage, /^Unable to parse Client Context JSON: /);
});

test('what handlers return is written as simplejson writes it', PYTHON, async () => {
  const code = `
import collections, decimal, enum
P = collections.namedtuple('P', 'x y')
class E(enum.IntEnum):
    A = 7
VALUES = [
    dict(a=1, b=(1, 2)),
    dict(d=decimal.Decimal('1.50'), n=P(1, 'ü')),
    {1: b'bytes', None: E.A, 2.5: True, 'k': decimal.Decimal('1E+3')},
    None,
    'ü',
    b'{"raw": true}',
]
def handler(event, context):
    return VALUES[event]
`;
  const functionSpec = spec(code, { runtime: 'python3.11' });
  const texts: string[] = [];
  for (let index = 0; index < 6; index++) {
    texts.push(Buffer.from((await house.invoke(functionSpec, index)).payload).toString());
  }
  assert.deepEqual(texts, [
    '{"a": 1, "b": [1, 2]}',
    '{"d": 1.50, "n": {"x": 1, "y": "\\u00fc"}}',
    '{"1": "bytes", "null": 7, "2.5": true, "k": 1E+3}',
    'null',
    '"\\u00fc"',
    '{"raw": true}',
  ]);
  const { payload } = await call("def handler(e, c): return 'ü'", {}, { runtime: 'python3.12' });
  assert.equal(Buffer.from(payload).toString(), '"ü"', 'python3.12 and later leave text as it is');
});

test('a handler may stand in a package, named with slashes or dots', PYTHON, async () => {
  for (const handler of ['pkg/sub/mod.main', 'pkg.sub.mod.main']) {
    const made = house.spec(
      'from . import mod as me\ndef main(e, c): return me.__name__',
      { runtime: RUNTIME, handler },
      'pkg/sub/mod.py',
    );
    assert.equal((await house.invoke(made)).value, 'pkg.sub.mod');
  }
});

test('errors have the type, message, request id and trace that Lambda gives them', PYTHON, async () => {
  const code = `
class Refused(Exception):
    pass
def inner():
    raise Refused('not today' + '')
def handler(event, context):
    inner()
`;
  const made = spec(code);
  const { value, kind } = await house.invoke(made);
  assert.equal(kind, 'error');
  assert.deepEqual(Object.keys(value), ['errorMessage', 'errorType', 'requestId', 'stackTrace']);
  assert.deepEqual([value.errorType, value.errorMessage], ['Refused', 'not today']);
  const file = /File "(.*)", line 7/.exec(value.stackTrace[0])![1]!;
  assert.ok(['/var/task/index.py', join(made.codeDirectory, 'index.py')].includes(file));
  assert.deepEqual(value.stackTrace, [
    `  File "${file}", line 7, in handler\n    inner()\n`,
    `  File "${file}", line 5, in inner\n    raise Refused('not today' + '')\n`,
  ]);
  assert.ok(
    house.lines.includes(
      `[ERROR] Refused: not today\nTraceback (most recent call last):\n\u00a0\u00a0File "${file}", line 7, in handler\n\u00a0\u00a0\u00a0\u00a0inner()\n\u00a0\u00a0File "${file}", line 5, in inner\n\u00a0\u00a0\u00a0\u00a0raise Refused('not today' + '')`,
    ),
  );
});

const BROKEN: readonly [name: string, code: string, more: Partial<FunctionSpec>, type: string, message: RegExp][] = [
  [
    'a missing module',
    'import nope',
    {},
    'Runtime.ImportModuleError',
    /^Unable to import module 'index': No module named 'nope'$/,
  ],
  [
    'a missing handler',
    '',
    { handler: 'index.handler', runtime: RUNTIME },
    'Runtime.HandlerNotFound',
    /^Handler 'handler' missing on module 'index'$/,
  ],
  ['broken syntax', 'def f(:', {}, 'Runtime.UserCodeSyntaxError', /^Syntax error in module 'index': invalid syntax/],
  [
    'a builtin module as handler',
    '',
    { handler: 'sys.handler' },
    'Runtime.BuiltInModuleConflict',
    /^Cannot use built-in module sys as a handler module$/,
  ],
  ['an exception during init', 'raise KeyError("FOO")', {}, 'KeyError', /^'FOO'$/],
  ['an exit during init', 'import sys; sys.exit(4)', {}, 'Runtime.ExitError', /exit status 4$/],
  ['an exit of the handler', 'import sys\ndef handler(e, c): sys.exit(3)', {}, 'Runtime.ExitError', /exit status 3$/],
  ['a quiet exit', 'import os\ndef handler(e, c): os._exit(0)', {}, 'Runtime.ExitError', /without providing a reason$/],
  [
    'a crash',
    'import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGSEGV)',
    {},
    'Runtime.ExitError',
    /signal: segmentation fault$/,
  ],
  [
    'a value that is no JSON',
    'def handler(e, c): return {1, 2}',
    {},
    'Runtime.MarshalError',
    /^Unable to marshal response: Object of type set is not JSON serializable$/,
  ],
  [
    'a circle',
    'def handler(e, c):\n  a = []; a.append(a); return a',
    {},
    'Runtime.MarshalError',
    /^Unable to marshal response: /,
  ],
  [
    'a response over 6 MB',
    'def handler(e, c): return "x" * 6291556',
    {},
    'Function.ResponseSizeTooLarge',
    /\(6291558 bytes\) exceeded maximum allowed payload size \(6291556 bytes\)/,
  ],
  [
    'a timeout',
    'def handler(e, c):\n  while True: pass',
    { timeoutMs: 300 },
    'Sandbox.Timedout',
    /Task timed out after 0.30 seconds$/,
  ],
];
for (const [name, code, more, type, message] of BROKEN) {
  test(`${name} is ${type}`, PYTHON, async () => {
    const { value, kind } = await call(code, {}, more);
    assert.deepEqual([kind, value.errorType], ['error', type], JSON.stringify(value));
    assert.match(value.errorMessage, message);
  });
}

test('more memory than the function has ends the environment', PYTHON, async () => {
  const code =
    'import time\ndef handler(e, c):\n  kept = []\n  while True: kept.append(bytearray(b"x" * 4_000_000)); time.sleep(0.01)';
  const { value, metering } = await call(code, {}, { memoryMb: 128 });
  assert.equal(value.errorType, 'Runtime.OutOfMemory');
  assert.equal(metering.memoryUsedMb, 128);
});

test('a name without a dot is Runtime.MalformedHandlerName', PYTHON, async () => {
  const { value } = await house.invoke(house.spec('', { runtime: RUNTIME, handler: 'index' }, 'index.py'));
  assert.equal(value.errorType, 'Runtime.MalformedHandlerName');
  assert.equal(value.errorMessage, "Bad handler 'index': not enough values to unpack (expected 2, got 1)");
});

test(
  'modules of the function win over those that were loaded ahead, and layers stand behind them',
  PYTHON,
  async () => {
    const made = spec(
      `
import queue, boto3, uuid
def handler(e, c):
    import sys
    return [queue.MINE, boto3.MINE, 'botocore' in sys.modules, uuid.uuid4().version]
`,
    );
    writeFileSync(join(made.codeDirectory, 'queue.py'), 'MINE = "queue of the function"');
    mkdirSync(join(made.codeDirectory, 'boto3'));
    writeFileSync(join(made.codeDirectory, 'boto3/__init__.py'), 'MINE = "boto3 of the function"');
    assert.deepEqual((await house.invoke(made)).value, ['queue of the function', 'boto3 of the function', false, 4]);
  },
);

test('logging has the handler, the format and the level that Lambda gives it', PYTHON, async () => {
  const code = `
import logging, sys
log = logging.getLogger('mine')
def handler(event, context):
    log.info('unheard')
    log.warning('two\\nlines %s', 1)
    print('printed'); print('with no end', end='')
    print('to stderr', file=sys.stderr)
    sys.stdout.buffer.write(b'bytes\\n')
    context.log('by context')
    return context.aws_request_id
`;
  const { value: id, lines } = await once(code);
  const at = lines.findIndex((line) => line.startsWith('START'));
  const own = lines.slice(at + 1, lines.indexOf(`END RequestId: ${id}`));
  assert.match(
    own[0]!,
    new RegExp(`^\\[WARNING\\]\\t\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\\t${id}\\ttwo\\nlines 1$`),
  );
  assert.deepEqual(own.slice(1), ['printed', 'to stderr', 'with no endbytes', 'by context']);
});

test(
  'the JSON log format writes an object a record, and the level is what AWS_LAMBDA_LOG_LEVEL says',
  PYTHON,
  async () => {
    const code = `
import logging
log = logging.getLogger('mine')
def handler(event, context):
    log.debug('quiet'); log.info('loud', extra=dict(device='d1'))
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception('failed')
    raise ValueError('no')
`;
    const environment = { AWS_LAMBDA_LOG_FORMAT: 'JSON', AWS_LAMBDA_LOG_LEVEL: 'INFO' };
    const { lines } = await once(code, { environment });
    const [info, failed, error] = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    assert.deepEqual([info.level, info.message, info.logger, info.device], ['INFO', 'loud', 'mine', 'd1']);
    assert.match(info.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual([failed.errorType, failed.errorMessage], ['ZeroDivisionError', 'division by zero']);
    assert.match(failed.location, /index\.py:handler:9$/);
    assert.deepEqual([error.level, error.errorType, error.requestId], ['ERROR', 'ValueError', info.requestId]);
  },
);

test('an exception in a thread is logged and does not end the environment', PYTHON, async () => {
  const code = `
import threading
def fail(): raise OSError('in a thread')
def handler(event, context):
    thread = threading.Thread(target=fail); thread.start(); thread.join()
    return 'served'
`;
  const { value, lines } = await once(code);
  assert.equal(value, 'served');
  assert.ok(lines.includes('OSError: in a thread'));
});

test('a function that replaces what the runtime is made of replaces its own only', PYTHON, async () => {
  const code = `
import os, json, time, socket, struct, sys, threading, traceback
def broken(*args, **kwargs): raise RuntimeError('poisoned')
def handler(event, context):
    for module, names in ((os, ['read', 'write', '_exit']), (json, ['loads', 'dumps']), (time, ['time']),
                          (traceback, ['format_list', 'extract_tb']), (struct, ['pack', 'unpack_from', 'Struct'])):
        for name in names: setattr(module, name, broken)
    sys.stdout = sys.stderr = None
    return dict(left=context.get_remaining_time_in_millis(), event=event)
`;
  const made = spec(code);
  const results = [await house.invoke(made, 1), await house.invoke(made, 2)];
  assert.deepEqual(
    results.map(({ value, metering }) => [value.event, value.left > 0, metering.start]),
    [
      [1, true, 'cold'],
      [2, true, 'warm'],
    ],
  );
});

test('a process that the handler forks cannot speak for its environment', PYTHON, async () => {
  const code = `
import os, multiprocessing
def child(pipe):
    print('from the child', flush=True)
    pipe.send('worked')
def handler(event, context):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(target=child, args=(theirs,)); process.start()
    said = ours.recv(); process.join()
    pid = os.fork()
    if pid == 0:
        return 'the child answers'
    os.waitpid(pid, 0)
    return said
`;
  const { value, lines } = await once(code);
  assert.equal(value, 'worked');
  assert.ok(lines.includes('from the child'));
});

test('an event that is no JSON is the fault of the caller', PYTHON, async () => {
  using slot = await house.runtime.reserve(spec('def handler(e, c): pass'), { wait: true });
  const trace = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false } as never;
  const result = await slot.invoke({ requestId: 'r', payload: Buffer.from('{"a"'), trace });
  assert.equal(result.kind === 'error' && result.errorType, 'Millrace.EventInvalid');
});

test('a runtime of another version than the machine has says so in the log of the function', PYTHON, async () => {
  const other = RUNTIME === 'python3.14' ? 'python3.8' : 'python3.14';
  const { value, lines } = await once('import sys\ndef handler(e, c): return sys.version_info[1]', { runtime: other });
  const notice = lines.find((line) => line.startsWith('INIT_NOTICE'));
  if (`python3.${value}` === other) assert.equal(notice, undefined);
  else assert.match(notice!, new RegExp(`^INIT_NOTICE ${other} is run by Python 3\\.${value}\\.`));
});

test('variables that Python reads when it starts are there when it does', PYTHON, async () => {
  const { value } = await once('import sys\ndef handler(e, c): return sys.flags.optimize', {
    environment: { PYTHONOPTIMIZE: '1' },
  });
  assert.equal(value, 1);
});

test(
  'the byte code of modules is kept for the next environment, and traces still name the source',
  PYTHON,
  async () => {
    await using kept = await RuntimeHouse.open();
    const made = pythonSpec(
      kept,
      `
import lib
def handler(event, context):
    code = lib.fail.__code__
    if event == 'fail': lib.fail()
    return [code.co_filename, type(lib.__loader__).__name__, lib.MADE]
`,
    );
    const lib = join(made.codeDirectory, 'lib.py');
    writeFileSync(lib, "MADE = 'by source'\ndef fail(): raise ValueError('here')\n");
    const first = (await kept.invoke(made)).value;
    assert.deepEqual(first.slice(1), ['Loader', 'by source']);
    const folder = join(kept.directory, 'code-cache');
    const caches = () =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('/bytecode'));
    await until(() => caches().some((file) => readFileSync(join(folder, file)).includes(first[0])));
    // The next environment has the code whatever stands in the file: the hash of the package is the key.
    writeFileSync(lib, "MADE = 'by another source'\ndef fail(): raise ValueError('here')\n");
    await kept.runtime[Symbol.asyncDispose]();
    await using again = await RuntimeHouse.open({ directory: kept.directory });
    const { value } = await again.invoke({ ...made, revision: '2' });
    assert.deepEqual(value, first);
    const failed = await again.invoke({ ...made, revision: '2' }, 'fail');
    assert.match(
      failed.value.stackTrace.at(-1),
      /lib\.py", line 2, in fail\n {4}def fail\(\): raise ValueError\('here'\)\n$/,
    );
  },
);

test('an environment that may run several invocations at once runs each in a thread', PYTHON, async () => {
  const made = spec(
    `
import logging, threading
both = threading.Barrier(2, timeout=10)
def handler(event, context):
    logging.warning('before'); both.wait(); logging.warning('after')
    if event == 'fail': raise ValueError(context.aws_request_id)
    return context.aws_request_id
`,
    { environmentConcurrency: 2 },
  );
  const [one, two] = await Promise.all([house.invoke(made, 'serve'), house.invoke(made, 'fail')]);
  assert.equal(one.kind, 'success');
  assert.equal(two.value.errorMessage, two.value.requestId);
  for (const id of [one.value, two.value.requestId]) {
    const lines = house.lines.filter((line) => line.startsWith('[WARNING]') && line.includes(id));
    assert.equal(lines.length, 2, 'each logs under its own request id');
  }
  assert.equal(
    (await house.invoke(spec('import sys\ndef handler(e, c): sys.exit(6)', { environmentConcurrency: 2 }))).kind,
    'error',
  );
});
