import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineCommand, helpOf, parseCommandLine, UsageError } from './command.ts';
import { COMMANDS } from './commands.ts';
import { isGroup } from './help.ts';

const sample = defineCommand({
  name: 'sample',
  summary: 'A sample.',
  positionals: { usage: '[DIR]', min: 0, max: 1 },
  options: {
    port: { type: 'number', value: 'PORT', min: 0, max: 65_535, default: 4566, help: 'a port' },
    mode: { type: 'text', value: 'MODE', choices: ['fast', 'safe'], help: 'a mode' },
    tag: { type: 'list', value: 'K=V', help: 'a tag' },
    force: { type: 'flag', short: 'f', help: 'a flag' },
  },
  examples: [],
  run: async () => 0,
});

test('options come with their types and defaults', () => {
  const { values, positionals } = parseCommandLine(sample, ['app', '-f', '--tag', 'a=1', '--tag=b=2']);
  assert.deepEqual(values, { port: 4566, mode: undefined, tag: ['a=1', 'b=2'], force: true });
  assert.deepEqual(positionals, ['app']);
});

for (const [argv, message] of [
  [['--prot', '1'], /unknown option --prot for "sample"; did you mean --port\?/],
  [['--zzzzzzzz'], /unknown option --zzzzzzzz for "sample" \(/],
  [['--port', 'x'], /--port must be a whole number from 0 to 65535, not "x"/],
  [['--port', '65536'], /from 0 to 65535/],
  [['--port', ''], /whole number/],
  [['--port'], /--port needs a value: --port PORT/],
  [['--mode', 'slow'], /must be one of fast, safe/],
  [['--force=yes'], /takes no value/],
  [['a', 'b'], /unexpected argument "b"/],
] as const) {
  test(`refused: ${argv.join(' ')}`, () => {
    assert.throws(
      () => parseCommandLine(sample, argv),
      (error: unknown) => error instanceof UsageError && error.exitCode === 2 && message.test(error.message),
    );
  });
}

test('the help names the choices of an option, and its default', () => {
  const help = helpOf(sample).replace(/ +/g, ' ');
  assert.match(help, /--mode MODE a mode \(fast, safe\)$/m);
  assert.match(help, /--port PORT a port \(default 4566\)$/m);
});

test('every row of the table loads the command of its name, with help and examples that start with the program', async () => {
  for (const row of COMMANDS.flatMap((one) => (isGroup(one) ? one.verbs : [one]))) {
    const command = await row.load();
    assert.equal(command.name, row.name);
    assert.match(helpOf(command), new RegExp(`^Usage: millrace ${row.name}`));
    assert.ok(command.examples.length > 0, `${row.name} has no example`);
    for (const [line] of command.examples) assert.match(line, /(^|\s)millrace /);
  }
});
