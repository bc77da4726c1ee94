import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { FileTable } from './file-table.ts';

const isLinux = process.platform === 'linux';

/** Size of the kernel's table. */
const size = () => Number(/^FDSize:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
const openFiles = () => readdirSync('/proc/self/fd').length;
const socketOf = (fd: number) => ({ _handle: { fd } }) as unknown as Socket;

describe('the table of open files', { skip: !isLinux && 'Linux makes processes wait for it' }, () => {
  const files: number[] = [];
  after(() => {
    for (const file of files) closeSync(file);
  });

  // First: a child's table has room for the files that its parent has open.
  test('takes no files where the process may open no more than the table holds', () => {
    const script = `
      import { openSync } from 'node:fs';
      import { FileTable } from ${JSON.stringify(join(import.meta.dirname, 'file-table.ts'))};
      const table = new FileTable();
      let growing;
      for (let fd = 0; fd < 250 && growing === undefined; ) {
        fd = openSync('/dev/null', 'r');
        growing = table.accepted({ _handle: { fd } });
      }
      process.stdout.write(String(growing));
    `;
    const limited = (files: number) =>
      execFileSync(
        'sh',
        ['-c', `ulimit -n ${files}; exec "$0" "$@"`, process.execPath, '--input-type=module', '-e', script],
        {
          encoding: 'utf8',
        },
      );
    assert.equal(limited(256), 'undefined');
    assert.equal(limited(1024), '[object Promise]');
  });

  test('grows before it is full, and no file stays open for it', async () => {
    const table = new FileTable();
    for (let times = 0; times < 2; times++) {
      const before = size();
      while (size() === before) {
        const file = openSync(devNull, 'r');
        files.push(file);
        assert.ok(file < before - 1, 'the table is full');
        const open = openFiles();
        await table.accepted(socketOf(file));
        assert.equal(openFiles(), open);
      }
    }
  });
});
