import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { devNull } from 'node:os';
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
