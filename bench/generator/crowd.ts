/** Many clients that come at once and stay. */
import { Burst, LoadClient } from './client.ts';
import { cpuMsOf } from './cpu.ts';
import type { CrowdLoad, LoadResult } from './load.ts';

/** Clients that come a second and what each costs the broker; they stay until the process ends. */
export async function runCrowd(load: CrowdLoad): Promise<LoadResult> {
  const clients: LoadClient[] = [];
  const cpuBefore = cpuMsOf(load.brokerPid);
  const start = performance.now();
  let next = 0;
  const come = async (): Promise<void> => {
    while (next < load.clients) {
      const index = next++;
      const client = await LoadClient.connect(load.port, `crowd-${process.pid}-${index}`, load.keepAlive);
      if (load.subscribes) await client.subscribe(`crowd/device-${index}/commands`, 0);
      client.onBytes(() => {});
      client.onFailure(fail);
      clients.push(client);
    }
  };
  await Promise.all(Array.from({ length: load.atOnce }, come));
  const elapsedMs = performance.now() - start;
  const cpuMs = (cpuMsOf(load.brokerPid) ?? 0) - (cpuBefore ?? 0);
  if (load.rate > 0) publishInTurn(clients, load.rate);
  return {
    rate: (load.clients * 1000) / elapsedMs,
    cpuMicros: (cpuMs * 1000) / load.clients,
    p50Ms: 0,
    p99Ms: 0,
    maxMs: 0,
    generatorBusy: 0,
  };
}

function fail(error: Error): never {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}

/** Each client publishes as its turn comes, as devices do. */
function publishInTurn(clients: readonly LoadClient[], rate: number): void {
  const bursts = clients.map((_, index) => new Burst(`crowd/device-${index}/data`, 100, 0, 1));
  const start = performance.now();
  let sent = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - start) * rate) / 1000);
    for (; sent < due; sent++) clients[sent % clients.length]!.write(bursts[sent % clients.length]!.next(1));
  }, 5);
}
