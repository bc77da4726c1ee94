import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { RuntimeHouse } from './runtime-house.ts';

const SOURCE = `
  interface Event { readonly n: number }
  const padding = ${JSON.stringify('x'.repeat(8_000))};

  function refuse(event: Event): never {
    throw new TypeError('refused ' + event.n + padding.length);
  }
  export const handler = async (event: Event) => refuse(event);
`;
/** The line of `throw` in SOURCE. */
const THROWN_AT = SOURCE.split('\n').findIndex((line) => line.includes('throw new')) + 1;

async function bundle(sourcemap: 'linked' | 'inline', format: 'cjs' | 'esm') {
  const { outputFiles } = await build({
    stdin: { contents: SOURCE, sourcefile: 'handler.ts', loader: 'ts' },
    bundle: true,
    minify: true,
    outfile: 'index.js',
    platform: 'node',
    format,
    sourcemap,
    write: false,
  });
  const code = outputFiles.find(({ path }) => path.endsWith('.js'))!;
  const map = outputFiles.find(({ path }) => path.endsWith('.map'));
  return { code: Buffer.from(code.contents), map };
}

for (const [kind, format, file] of [
  ['linked', 'cjs', 'index.js'],
  ['inline', 'cjs', 'index.js'],
  ['inline', 'esm', 'index.mjs'],
] as const) {
  test(`a stack trace names the source by the ${kind} map of a minified bundle (${format}), cold and from the code cache`, async () => {
    await using house = await RuntimeHouse.open();
    const { code, map } = await bundle(kind, format);
    const spec = house.spec(code, {}, file);
    if (map) writeFileSync(join(spec.codeDirectory, `${file}.map`), map.contents);
    const want = new RegExp(`handler\\.ts:${THROWN_AT}:\\d+`);
    for (let start = 0; start < 2; start++) {
      const { value } = await house.invoke(spec, { n: 1 });
      assert.equal(value.errorType, 'TypeError');
      assert.match(value.trace[1], want);
      house.runtime.retire(spec.arn);
    }
    assert.match(house.lines.find((line) => line.includes('Invoke Error'))!, want);
  });
}

test('without a map, and with one that cannot be read, the trace is that of Node', async () => {
  await using house = await RuntimeHouse.open();
  const code = '\nexports.handler = async () => { throw new Error("plain"); };\n';
  for (const more of ['', '//# sourceMappingURL=missing.js.map', '//# sourceMappingURL=data:,nonsense']) {
    const spec = house.spec(code + more);
    const { value } = await house.invoke(spec);
    assert.equal(value.trace[0], 'Error: plain');
    assert.match(value.trace[1], /^ {4}at exports\.handler \(.*\/index\.js:2:\d+\)$/);
  }
});
