import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bootstrap } from './bootstrap.ts';

const BAD = `const bad = () => { throw new Error('poisoned'); };`;
const ALL = `${BAD} const spoil = (object) => { for (const name of Reflect.ownKeys(object)) { try { if (typeof object[name] === 'function' && name !== 'constructor') object[name] = bad; } catch {} } };`;

/** What a package may do to the process that it shares with the runtime, before its handler is called for the first time. */
const POISONS: Readonly<Record<string, string>> = {
  'JSON is replaced': `JSON.parse = () => ({ n: -1 }); JSON.stringify = () => '"forged"'; globalThis.JSON = undefined;`,
  'Object.prototype has members': `Object.prototype.kind = 19; Object.prototype.sequence = 7; Object.prototype.stream = {}; Object.prototype.end = 1; Object.prototype.fatal = true; Object.prototype.code = 'EAGAIN';`,
  'arrays cannot be iterated': // Node itself calls `pop` of arrays.
  `${ALL} const { pop } = Array.prototype; spoil(Array.prototype); Array.prototype[Symbol.iterator] = bad; Array.prototype.pop = pop;`,
  'promises have no methods': `${ALL} spoil(Promise.prototype); spoil(Promise);`,
  'buffers have no methods': `${ALL} spoil(Buffer.prototype); spoil(Buffer); spoil(Object.getPrototypeOf(Uint8Array.prototype)); Buffer.poolSize = 0;`,
  'buffers lie about their length': `Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'length', { get: () => 3 });`,
  'the file system is replaced': `${ALL} spoil(require('node:fs'));`,
  'process is taken apart': `${BAD} for (const name of ['exit', 'resourceUsage', 'nextTick', 'on', 'emitWarning']) process[name] = bad;`,
  'timers and Date are replaced': `${BAD} globalThis.setImmediate = bad; globalThis.setTimeout = bad; globalThis.Date = bad; globalThis.queueMicrotask = bad;`,
  'functions cannot be called by call and apply': `${ALL} spoil(Function.prototype); Reflect.apply = bad;`,
  'maps, sets and strings have no methods': `${ALL} spoil(Map.prototype); spoil(Set.prototype); spoil(WeakMap.prototype); spoil(String.prototype);`,
  'console and process.stdout are gone': `delete globalThis.console; Object.defineProperty(process, 'stdout', { value: undefined });`,
  'globals are gone': `for (const name of ['Buffer', 'Promise', 'Error', 'Map', 'Object', 'Array', 'Uint8Array', 'Math', 'Symbol', 'Reflect', 'String', 'Number']) delete globalThis[name];`,
};

for (const [what, poison] of Object.entries(POISONS)) {
  test(`every invocation gets its own event and answers for itself, though ${what}`, async () => {
    // What the handler itself uses is taken before.
    const code = `const { parseInt: number } = globalThis; exports.handler = async (event) => event.n + 1; ${poison}`;
    await using bootstrap = await Bootstrap.load(code);
    for (let n = 0; n < 3; n++) {
      bootstrap.invoke(n, { n: n * 10 });
      assert.equal(await bootstrap.answer(n), n * 10 + 1);
    }
    assert.deepEqual(
      bootstrap.frames.filter(({ kind }) => kind !== 'log' && kind !== 'code-cache'),
      [],
    );
  });
}

test('a failure is told in the name of its own invocation, though JSON and errors are poisoned', async () => {
  const code = `${BAD}
    exports.handler = async (event) => { if (event.fail) throw new TypeError('mine ' + event.n); return event.n; };
    JSON.stringify = bad; Error.prepareStackTrace = bad; Object.prototype.toString = bad;`;
  await using bootstrap = await Bootstrap.load(code);
  bootstrap.invoke(0, { n: 1, fail: true });
  const { sequence, fatal, errorType, payload } = await bootstrap.next('error');
  assert.deepEqual([sequence, fatal, errorType], [0, false, 'TypeError']);
  assert.equal(JSON.parse(Buffer.from(payload).toString()).errorMessage, 'mine 1');
  bootstrap.invoke(1, { n: 2 });
  assert.equal(await bootstrap.answer(1), 2);
});

test('a payload that is no JSON is the fault of the caller, and an error that a function calls so is its own', async () => {
  const code = `exports.handler = async () => { const e = new Error('mine'); e.name = 'Millrace.EventInvalid'; throw e; };`;
  await using bootstrap = await Bootstrap.load(code);
  bootstrap.invoke(0, {});
  assert.equal((await bootstrap.next('error')).errorType, 'Error');
});

test('a handler that answers twice, or late, answers once', async () => {
  const code = `
    let late;
    exports.handler = (event, context) => {
      const then = late;
      if (then) then('of the first');
      return { then(resolve) { late = resolve; resolve(event.n); resolve('again'); } };
    };`;
  await using bootstrap = await Bootstrap.load(code);
  for (let n = 0; n < 3; n++) {
    bootstrap.invoke(n, { n });
    assert.equal(await bootstrap.answer(n), n);
  }
  assert.deepEqual(
    bootstrap.frames.filter(({ kind }) => kind === 'response' || kind === 'error'),
    [],
  );
});

test('what cannot be logged does not end the invocation', async () => {
  const code = `
    const evil = { get message() { throw new Error('no'); }, get stack() { throw new Error('no'); }, [require('util').inspect.custom]() { throw new Error('no'); } };
    exports.handler = async (event) => { console.log('before'); console.log(evil); console.error('%s', evil); return event.n; };`;
  await using bootstrap = await Bootstrap.load(code);
  bootstrap.invoke(0, { n: 5 });
  assert.equal(await bootstrap.answer(0), 5);
});
