import assert from 'node:assert/strict';
import { test } from 'node:test';
import { main } from './main.ts';

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colours: false,
    errColours: false,
  });
  return { code, out, err };
}

test('no command shows the list on stderr and exits 2', async () => {
  const { code, out, err } = await run();
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /^Usage: millrace COMMAND/);
});

test('an unknown command names the closest one and exits 2', async () => {
  const { code, err } = await run('strat');
  assert.equal(code, 2);
  assert.match(err, /unknown command "strat"; did you mean "start"\?/);
});

test('--version and version print one line and exit 0', async () => {
  assert.deepEqual(await run('--version'), await run('version'));
  assert.match((await run('version')).out, /^millrace \d+\.\d+\.\d+\n$/);
});

test('COMMAND --help explains without running', async () => {
  const { code, out } = await run('start', '--config', 'nowhere', '--help');
  assert.equal(code, 0);
  assert.match(out, /Examples:/);
});

test('start without its file says which option names it and exits 2', async () => {
  const { code, err } = await run('start', '--config', '/nowhere/millrace.yaml');
  assert.equal(code, 2);
  assert.match(err, /cannot read the configuration: .*--config FILE/);
});
