/** A process with a frozen and a busy environment, for the test that kills it: prints their pids and stays. */
import type { SandboxEngine } from '../../src/runtime/index.ts';
import { aMoment } from '../support/eventually.ts';
import { isFrozen, pidOf } from './engines.ts';
import { RuntimeHouse } from './runtime-house.ts';

const house = await RuntimeHouse.open({ engine: process.argv[2] as SandboxEngine });
const names = { frozen: `frozen-${process.pid}`, busy: `busy-${process.pid}` };
await house.invoke(house.spec(`process.title = "${names.frozen}"; exports.handler = async () => {};`));
void house.invoke(
  house.spec(`exports.handler = async () => { process.title = "${names.busy}"; for (;;); };`, { timeoutMs: 60_000 }),
);
const frozen = pidOf(names.frozen)!;
while (!isFrozen(frozen)) await aMoment();
let busy: number | undefined;
while (!busy) {
  await aMoment();
  busy = pidOf(names.busy);
}
process.stdout.write(`${JSON.stringify({ frozen, busy, directory: house.directory })}\n`);
