import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { FunctionSpec, SandboxEngine } from '../../../src/runtime/index.ts';
import { RuntimeHouse } from '../../lambda/runtime-house.ts';
import { startWire } from '../../wire/support.ts';

/**
 * A node as an intruder finds it: a data directory, ports beside the APIs, a page for the operator only, and another function that
 * has just run and holds a secret.
 */
export interface Scene {
  readonly engine: SandboxEngine;
  readonly house: RuntimeHouse;
  /** What nobody but their owners may see. */
  readonly secrets: { readonly file: string; readonly node: string; readonly victim: string; readonly code: string };
  /** File of the data directory that holds a secret. */
  readonly secretFile: string;
  readonly victim: FunctionSpec;
  /** A listener of the node on all addresses that is no door: MQTT. */
  readonly mqttPort: number;
  /** Address of the machine itself beside loopback. */
  readonly ownAddress: string;
  /** Abstract Unix socket of another program of the machine. */
  readonly abstract: string;
  /** Runs a handler's body, with `e` for its event, and gives what it answered or the type of its error. */
  run(body: string, event?: unknown, more?: Partial<FunctionSpec>): Promise<any>;
}

/** Opens the scene for one engine; disposing tears it down. */
export async function openScene(engine: SandboxEngine): Promise<Scene & AsyncDisposable> {
  await using scope = new AsyncDisposableStack();
  const secrets = {
    file: randomUUID(),
    // What this process was started with: variables that are set later do not show in /proc.
    node: readFileSync('/proc/self/environ', 'latin1').slice(0, 200),
    victim: randomUUID(),
    code: randomUUID(),
  };

  const mqtt = createServer((socket) => socket.end('mqtt')).listen(0, '0.0.0.0');
  await once(mqtt, 'listening');
  scope.defer(() => void mqtt.close());
  const abstract = `\0millrace-${randomUUID()}`;
  const local = createServer((socket) => socket.end('abstract')).listen(abstract);
  await once(local, 'listening');
  scope.defer(() => void local.close());

  const metrics = { prefix: '/metrics', handle: (_request: unknown, response: any) => void response.end('metrics') };
  const wire = scope.use(await startWire([], { mode: 'dev', extraRoutes: [metrics] }));
  const house = scope.use(
    await RuntimeHouse.open({
      engine,
      nodeDoor: {
        address: () => ({ port: wire.port, hostAddress: `127.0.0.1:${wire.port}` }),
        accept: (socket) => wire.server.accept(socket),
      },
    }),
  );
  const secretFile = join(house.directory, 'secret');
  writeFileSync(secretFile, secrets.file, { mode: 0o600 });
  openSync(secretFile, 'r');
  const victim = house.spec(`/* ${secrets.code} */ process.title = 'victim'; exports.handler = async (e) => e;`, {
    environment: { SECRET: secrets.victim },
  });
  await house.invoke(victim);

  const { port: mqttPort } = mqtt.address() as { port: number };
  const run: Scene['run'] = async (body, event = {}, more = {}) => {
    const { value } = await house.invoke(
      house.spec(`${TOOLS} exports.handler = async (e) => { ${body} };`, more),
      event,
    );
    return value;
  };
  const scene = { engine, house, secrets, secretFile, victim, mqttPort, ownAddress: ownAddress(), abstract, run };
  const owned = scope.move();
  return { ...scene, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** What an intruder brings along. */
const TOOLS = `
  const fs = require('node:fs'), net = require('node:net'), cp = require('node:child_process'), path = require('node:path');
  const attempt = (act) => { try { return act(); } catch (error) { return error.code ?? error.message; } };
  const dial = (target) => new Promise((resolve) => {
    const socket = net.connect({ ...target, timeout: 2_000 });
    socket.on('data', (bytes) => { socket.destroy(); resolve(String(bytes)); });
    socket.on('error', (error) => resolve(error.code)).on('timeout', () => { socket.destroy(); resolve('timeout'); });
    socket.on('end', () => resolve('ended'));
    if (target.say) socket.write(target.say);
  });
  const others = () => fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid);
`;
