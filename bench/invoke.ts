/**
 * Functions: cold starts of a small handler and of a bundle with an AWS client in it, beside what plain `node` takes for the
 * same file; warm invocations inside the node, beside a bare echo over the same pipe; and through HTTP with SigV4.
 * Warm ones with both sides on one core, and with a core for each: left alone the scheduler takes the one or the other from run to
 * run, and waking a process on another core takes longer than all that the two do.
 * A cold start is timed from the request to its answer, on a connection that has carried a request before; the code cache was made
 * by the first one, which is not counted, and is on disk.
 * Not measured: the network, other runtimes, several functions at once. Cold starts find a blank environment ready, as they do
 * unless they come faster than the pool is refilled (about 60 ms each).
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock, systemRandom, uuid } from '../src/base/index.ts';
import { openRuntime } from '../src/runtime/index.ts';
import { openLambda } from '../src/services/lambda/index.ts';
import { openEmbeddedRecords } from '../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../src/telemetry/index.ts';
import { createWireServer } from '../src/wire/index.ts';
import { zipOf } from '../test/support/clients.ts';
import { cores, descendants, keepOn } from './cores.ts';
import { type Figure, formatFigure, median } from './figure.ts';
import type { InvokeLoad } from './invoke-client.worker.ts';
import { bundleWithClient, SMALL } from './runtime.ts';

const COLD_STARTS = 25;
const PLAIN_STARTS = 7;
const WARM_INVOCATIONS = 8_000;
const HTTP_REQUESTS = 12_000;
const HTTP_CONNECTIONS = 4;
export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

/** About 15 s. */
export async function run(): Promise<Figure[]> {
  await using house = await openHouse();
  const bundle = await bundleWithClient();
  const size = `${Math.round(bundle.length / 1024)} KB`;
  const small = await house.cold('small', SMALL);
  const large = await house.cold('bundle', bundle);
  const plainSmall = await plainStarts(house.directory, SMALL);
  const plainLarge = await plainStarts(house.directory, bundle);
  const warm = await warmFigures(house);
  const http = await house.http();
  return [
    ...coldFigures('1 KB handler', small, 4, plainSmall),
    ...coldFigures(`${size} bundle with an AWS client`, large, 16, plainLarge),
    ...warm,
    atMost('warm Invoke through HTTP with SigV4, p50', http.p50Ms, 'ms', 1),
    {
      name: 'warm Invoke through HTTP with SigV4, one core of the node',
      value: http.perCore,
      unit: 'invocations/s',
      target: { value: 4_000, met: http.perCore >= 4_000 },
    },
  ];
}

/** The median is held to the target; the ends show how far the machine was quiet. */
function coldFigures(what: string, times: readonly number[], targetMs: number, plainMs: number): Figure[] {
  const name = `cold start through Invoke, ${what}`;
  const floor = { name: 'plain node', value: plainMs };
  return [
    atMost(`${name}, p50`, median(times), 'ms', targetMs, floor),
    { name: `${name}, p10`, value: quantile(times, 0.1), unit: 'ms' },
    { name: `${name}, p90`, value: quantile(times, 0.9), unit: 'ms' },
  ];
}

/** What is asked of them is asked where a bare echo takes 25 µs, and that is on one core. */
async function warmFigures(house: House): Promise<Figure[]> {
  const name = 'warm invocation inside the node';
  const measure = async (placed: () => void) => {
    const value = await echoRoundTrips(house.directory, placed);
    return { echo: { name: 'bare echo', value }, warm: await house.warm(placed) };
  };
  const all = cores();
  if (all.length < 2) {
    const { echo, warm } = await measure(() => {});
    return [atMost(`${name}, p50`, warm, 'µs', 60, echo)];
  }
  const [one, other] = all.map((core) => [core]) as [number[], number[]];
  try {
    keepOn(one, [process.pid]);
    const shared = await measure(() => keepOn(one, descendants()));
    const apart = await measure(() => keepOn(other, descendants()));
    return [
      atMost(`${name}, on one core, p50`, shared.warm, 'µs', 60, shared.echo),
      {
        name: `${name}, with a core for each side, p50`,
        value: apart.warm,
        unit: 'µs',
        floor: apart.echo,
        ratio: apart.warm / apart.echo.value,
      },
    ];
  } finally {
    keepOn(all, [process.pid, ...descendants()]);
  }
}

function quantile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)]!;
}

function atMost(name: string, value: number, unit: string, target: number, floor?: Figure['floor']): Figure {
  const held = floor ? { floor, ratio: value / floor.value } : {};
  return { name, value, unit, ...held, target: { value: target, met: value <= target } };
}

type House = Awaited<ReturnType<typeof openHouse>>;

/** The Lambda service behind a wire that checks signatures, in this process. */
async function openHouse() {
  await using scope = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  scope.defer(() => rmSync(directory, { recursive: true, force: true }));
  const ground = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics() };
  const records = scope.use(await openEmbeddedRecords({ directory: join(directory, 'records') }));
  const runtime = scope.use(
    await openRuntime({
      ...ground,
      logs: { write() {} },
      directory: join(directory, 'environments'),
      endpoint: () => 'http://127.0.0.1:4566',
      blanks: 2,
      blanksAfterMs: 0,
    }),
  );
  const lambda = scope.use(
    await openLambda({
      ...ground,
      records,
      runtime,
      delivery: {
        register() {},
        send: async () => {},
        edges: () => [],
        onGivenUp: () => () => {},
        onDelivered: () => () => {},
        [Symbol.asyncDispose]: async () => {},
      },
      codeDirectory: join(directory, 'code'),
      readObject: async () => {
        throw new Error('no such object');
      },
      readObjectRights: () => [],
    }),
  );
  const wire = createWireServer({
    ...ground,
    services: [lambda.service],
    credentials: {
      secretFor: () => ({
        secret: KEY.secret,
        caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
      }),
    },
    mode: 'secured',
  });
  const { port } = await wire.listen('127.0.0.1', 0);
  scope.defer(() => wire.close(1000));
  const client = fork(join(import.meta.dirname, 'invoke-client.worker.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  scope.defer(async () => {
    client.kill();
    await once(client, 'exit');
  });
  const owned = scope.move();

  const create = async (name: string, code: string | Buffer) => {
    const context = {
      requestId: uuid(systemRandom),
      region: 'us-east-1',
      caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root' },
      endpoint: '',
      signal: new AbortController().signal,
      trace: newTrace(systemRandom, false),
    };
    const Code = { ZipFile: await zipOf({ 'index.js': code }) };
    const input = {
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Role: 'r',
      Handler: 'index.handler',
      Code,
      MemorySize: 512,
    };
    const { FunctionArn } = await lambda.service.operations.CreateFunction!(input, context);
    return FunctionArn as string;
  };

  let warmed: Promise<string> | undefined;
  return {
    directory,
    /** Times of Invoke, milliseconds, each on a blank environment; the first one makes the code cache and is not counted. */
    async cold(name: string, code: string | Buffer): Promise<readonly number[]> {
      const arn = await create(name, code);
      const ahead = await create(`${name}-ahead`, 'exports.handler = async () => 1;');
      const times: number[] = [];
      for (let i = 0; i <= COLD_STARTS; i++) {
        while (runtime.blanksReady === 0) await sleep(10);
        await sleep(50);
        const { latencies } = await drive(client, {
          port,
          request: signedInvoke(port, name),
          warmUp: signedInvoke(port, `${name}-ahead`),
          connections: 1,
          requests: 1,
        });
        if (i > 0) times.push(latencies[0]!);
        await sleep(50);
        runtime.retire(arn);
      }
      runtime.retire(ahead);
      return times;
    },
    /** p50 in microseconds: reserve once, invoke back to back, as a poller does. @param placed  called once the environment is there */
    async warm(placed: () => void): Promise<number> {
      warmed ??= create('warm', 'exports.handler = async () => 1;');
      const arn = await warmed;
      const { signal } = new AbortController();
      using slot = await lambda.invoker.reserve(arn, signal);
      const payload = Buffer.from(JSON.stringify({ data: 'x'.repeat(190) }));
      await slot.invoke(payload, signal);
      placed();
      const times: number[] = [];
      for (let i = 0; i < WARM_INVOCATIONS; i++) {
        const start = performance.now();
        await slot.invoke(payload, signal);
        times.push((performance.now() - start) * 1000);
      }
      return median(times.slice(1000));
    },
    async http(): Promise<{ perCore: number; p50Ms: number }> {
      await create('http', 'exports.handler = async () => 1;');
      const load = { port, request: signedInvoke(port, 'http') };
      await drive(client, { ...load, connections: HTTP_CONNECTIONS, requests: 2_000 });
      const before = process.cpuUsage();
      await drive(client, { ...load, connections: HTTP_CONNECTIONS, requests: HTTP_REQUESTS });
      const { user, system } = process.cpuUsage(before);
      const { latencies } = await drive(client, { ...load, connections: 1, requests: 2_000 });
      return { perCore: HTTP_REQUESTS / ((user + system) / 1e6), p50Ms: median(latencies) };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function drive(client: ChildProcess, load: InvokeLoad): Promise<{ latencies: number[]; elapsedMs: number }> {
  client.send(load);
  const [answer] = (await once(client, 'message')) as [{ latencies: number[]; elapsedMs: number }];
  return answer;
}

/** What plain `node` takes from its start to the handler's first answer, p50 in milliseconds. */
async function plainStarts(directory: string, code: string | Buffer): Promise<number> {
  const file = join(directory, 'plain.cjs');
  writeFileSync(
    file,
    Buffer.concat([
      Buffer.from(code),
      Buffer.from('\nmodule.exports.handler({}).then(() => process.stdout.write("."));\n'),
    ]),
  );
  const times: number[] = [];
  for (let i = 0; i < PLAIN_STARTS; i++) {
    const start = performance.now();
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exit]);
    times.push(performance.now() - start);
    const [status] = await exit;
    if (status !== 0) throw new Error(`plain node ended with ${status}`);
  }
  return median(times);
}

/** Round trips of 200 bytes with a process that only echoes, p50 in microseconds. @param placed  called once it is there */
async function echoRoundTrips(directory: string, placed: () => void): Promise<number> {
  const script = join(import.meta.dirname, 'invoke-echo.js');
  const child = spawn(process.execPath, [script], { cwd: directory, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const channel = child.stdio[3] as Duplex;
  const message = Buffer.alloc(200);
  const times: number[] = [];
  for (let i = 0; i < WARM_INVOCATIONS; i++) {
    if (i === 1) placed();
    const start = performance.now();
    channel.write(message);
    await once(channel, 'data');
    times.push((performance.now() - start) * 1000);
  }
  channel.end();
  await once(child, 'exit');
  return median(times.slice(1000));
}

/** An Invoke request, signed once: it stays good for minutes. @param type  invocation type. @returns base64 */
export function signedInvoke(port: number, name: string, body = '{"n":1}', type = 'RequestResponse'): string {
  const path = `/2015-03-31/functions/${name}/invocations`;
  const at = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const host = `127.0.0.1:${port}`;
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const signed = 'host;x-amz-date;x-amz-invocation-type';
  const canonical = `POST\n${path}\n\nhost:${host}\nx-amz-date:${at}\nx-amz-invocation-type:${type}\n\n${signed}\n${hash(body)}`;
  const scope = `${at.slice(0, 8)}/us-east-1/lambda/aws4_request`;
  const key = scope.split('/').reduce<string | Buffer>((secret, part) => mac(secret, part), `AWS4${KEY.secret}`);
  const signature = mac(key, `AWS4-HMAC-SHA256\n${at}\n${scope}\n${hash(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  const head = `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nx-amz-date: ${at}\r\nauthorization: ${authorization}\r\nx-amz-invocation-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body).toString('base64');
}

if (import.meta.main) for (const figure of await run()) process.stdout.write(`${formatFigure(figure)}\n`);
