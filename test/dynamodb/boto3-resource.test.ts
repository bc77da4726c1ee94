import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { TablesNode } from './support.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, 'boto3-resource.py');
const skip = existsSync(PYTHON) ? false : `there is no ${PYTHON}`;

test("boto3's resource interface: types, batch writer, condition objects, paginators, waiters", { skip }, async () => {
  await using house = await TablesNode.start();
  const { stdout } = await promisify(execFile)(PYTHON, [SCRIPT, house.node.endpoints.http], { timeout: 60_000 });
  assert.equal(stdout, 'ok\n');
});
