import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { ZipFile } from 'yazl';
import { LambdaHouse } from '../lambda/support.ts';
import { EXTENSION, SHELL_RUNTIME } from './fixtures.ts';
import { has } from './support.ts';

/** A package whose files are executable. */
async function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [path, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), path, { mode: 0o100755 });
  zip.end();
  return buffer(zip.outputStream as unknown as NodeJS.ReadableStream);
}

test(
  'a function of provided.al2023 with an extension in a layer, made and invoked through the service',
  has('curl'),
  async () => {
    await using closing = new AsyncDisposableStack();
    const house = closing.use(await LambdaHouse.open());
    const layer = await house.call('PublishLayerVersion', {
      LayerName: 'watcher',
      Content: { ZipFile: await zipOf({ 'extensions/watcher': EXTENSION }) },
    });
    await house.call('CreateFunction', {
      FunctionName: 'own',
      Runtime: 'provided.al2023',
      Role: 'arn:aws:iam::000000000000:role/test',
      Handler: 'any.thing',
      Timeout: 10,
      MemorySize: 256,
      Environment: { Variables: { MINE: 'x' } },
      Code: { ZipFile: await zipOf({ bootstrap: SHELL_RUNTIME }) },
      Layers: [layer.LayerVersionArn],
    });
    for (let i = 0; i < 3; i++) {
      const { StatusCode, FunctionError, payload } = await house.invoke('own', { i });
      assert.deepEqual([StatusCode, FunctionError, payload], [200, undefined, { i }]);
    }
    const failed = await house.invoke('own', 'fail');
    assert.equal(failed.FunctionError, 'Unhandled');
    assert.deepEqual(failed.payload, { errorType: 'Shell.Failed', errorMessage: 'asked for' });
    await closing.disposeAsync();
    const told = house.lines.filter((line) => line.startsWith('watcher: ')).map((line) => JSON.parse(line.slice(9)));
    // A call that comes before the extension is done with the one before it finds another environment.
    const { registered, INVOKE, SHUTDOWN, ...others } = Object.groupBy(
      told,
      ({ eventType = 'registered' }) => eventType,
    );
    assert.deepEqual([INVOKE!.length, SHUTDOWN!.length, others], [4, registered!.length, {}]);
    assert.deepEqual([told[0].eventType, told.at(-1).eventType], [undefined, 'SHUTDOWN']);
  },
);
