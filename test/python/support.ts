import { spawnSync } from 'node:child_process';
import type { FunctionSpec } from '../../src/runtime/index.ts';
import { RuntimeHouse } from '../lambda/runtime-house.ts';

const probe = spawnSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
const boto3 = spawnSync('/usr/bin/python3', ['-c', 'import boto3'], { encoding: 'utf8' });

/** Options of a test that needs Python. */
export const PYTHON = { skip: probe.status === 0 ? false : 'needs python3' };
export const BOTO3 = { skip: boto3.status === 0 ? false : 'needs python3 with boto3 (Debian: python3-boto3)' };

/** The managed runtime that the machine's own Python is. */
export const RUNTIME = `python${probe.stdout?.trim()}`;

/** A Python function of this source. */
export function pythonSpec(house: RuntimeHouse, code: string, more: Partial<FunctionSpec> = {}): FunctionSpec {
  const file = `${(more.handler ?? 'index.handler').split('.').slice(0, -1).join('/')}.py`;
  return house.spec(code, { runtime: RUNTIME, ...more }, file);
}

/** Runs one Python function in a house that is thrown away, and returns what came of it with the lines of its log. */
export async function once(code: string, more: Partial<FunctionSpec> = {}, event: unknown = {}) {
  await using house = await RuntimeHouse.open();
  const { value, kind, metering } = await house.invoke(pythonSpec(house, code, more), event);
  return { value, kind, metering, lines: house.lines };
}
