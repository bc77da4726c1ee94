import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SANDBOX_LIMITS } from '../limits.ts';
import { Accounts, type Stay } from './accounts.ts';

const skip = process.getuid!() !== 0 && 'needs root';
const NUMBER = process.pid;

/** The user namespace of a stay. */
const namespaceOf = (stay: Stay) => readlinkSync(stay.command[1]!.slice('--user='.length));

/** Processes that stand in it. */
function membersOf(namespace: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/user`) === namespace;
      } catch {
        return false;
      }
    });
}

const openFiles = () => readdirSync('/proc/self/fd').length;

describe('accounts of sandboxes', { skip }, () => {
  test('each takes a few sandboxes, the next stands ready, and nothing of one is left when its last sandbox stands', async () => {
    const before = openFiles();
    const accounts = await Accounts.open(NUMBER);
    const first = Array.from({ length: SANDBOX_LIMITS.accountMax }, () => accounts.take()!);
    assert.equal(new Set(first.map(namespaceOf)).size, 1);
    const namespace = namespaceOf(first[0]!);
    let other: Stay;
    do {
      await turn();
      other = accounts.take()!;
      other[Symbol.dispose]();
    } while (other.command[1] === first[0]!.command[1]);
    assert.notEqual(namespaceOf(other), namespace);
    for (const stay of first) stay[Symbol.dispose]();
    while (membersOf(namespace).length > 0) await turn();
    await accounts.close();
    while (openFiles() > before) await turn();
  });

  test('one that is killed is replaced, and who was on the way to it is told', async () => {
    const accounts = await Accounts.open(NUMBER + 1);
    const stay = accounts.take()!;
    const namespace = namespaceOf(stay);
    for (const pid of membersOf(namespace)) process.kill(pid, 'SIGKILL');
    while (membersOf(namespace).length > 0) await turn();
    await assert.rejects(stay.map(process.pid, 1_900_000_000), /account has ended/);
    let next: Stay | undefined;
    while (!next) {
      await turn();
      next = accounts.take();
    }
    assert.notEqual(namespaceOf(next), namespace);
    next[Symbol.dispose]();
    stay[Symbol.dispose]();
    await accounts.close();
  });
});
