/** A process with a frozen and a busy environment, for the test that kills it: prints their pids and stays. */
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { RuntimeHouse } from './runtime-house.ts';

const house = await RuntimeHouse.open();
const { value: frozen } = await house.invoke(house.spec('exports.handler = async () => process.pid;'));
void house.invoke(
  house.spec('exports.handler = async () => { console.log("pid", process.pid); for (;;); };', { timeoutMs: 60_000 }),
);
while (readFileSync(`/proc/${frozen}/stat`, 'utf8').split(') ')[1]![0] !== 'T') await turn();
let busy: string | undefined;
while (!busy) {
  await turn();
  busy = /pid (\d+)/.exec(house.lines.join('\n'))?.[1];
}
process.stdout.write(`${JSON.stringify({ frozen, busy: Number(busy), directory: house.directory })}\n`);
