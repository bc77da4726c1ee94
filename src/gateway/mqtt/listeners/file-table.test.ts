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

  test('takes no files where the process may open no more than the table holds', () => {
    // Which table a process begins with is its parent's and the kernel's affair: it is brought to 256 files first.
    const script = `
      import { openSync, readFileSync } from 'node:fs';
      import { FileTable } from ${JSON.stringify(join(import.meta.dirname, 'file-table.ts'))};
      let fd = 0;
      while (fd < 200) fd = openSync('/dev/null', 'r');
      const size = Number(/^FDSize:\\s+(\\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
      const table = new FileTable();
      let growing;
      while (fd < size - 10 && growing === undefined) {
        fd = openSync('/dev/null', 'r');
        growing = table.accepted({ _handle: { fd } });
      }
      process.stdout.write(size + ' ' + growing);
    `;
    const limited = (files: number) =>
      execFileSync(
        'sh',
        ['-c', `ulimit -n ${files}; exec "$0" "$@"`, process.execPath, '--input-type=module', '-e', script],
        {
          encoding: 'utf8',
        },
      );
    assert.equal(limited(256), '256 undefined');
    assert.equal(limited(1024), '256 [object Promise]');
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
