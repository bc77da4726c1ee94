import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, seededRandom, systemClock } from '../../src/base/index.ts';
import {
  type Delivery,
  type DeliveryDependencies,
  type EdgeState,
  type Outbox,
  openDelivery,
  type Target,
} from '../../src/delivery/index.ts';
import { openEmbeddedRecords, type Records } from '../../src/store/index.ts';
import { createMetrics, newTrace, silentLogger } from '../../src/telemetry/index.ts';

/** Simulated time runs far ahead of the store's real time: nothing may grow too old by it. */
export const POLICY = { attemptsMax: 3, ageMsMax: Number.MAX_SAFE_INTEGER, backoffMsBase: 1, backoffMsMax: 4 };
export const SOURCE = 'arn:aws:sns:us-east-1:000000000000:t';

export function delivery(arn: string, payload: string, rest: Partial<Delivery> = {}): Delivery {
  return {
    arn,
    payload: Buffer.from(payload),
    policy: POLICY,
    source: SOURCE,
    trace: newTrace(seededRandom(1)),
    ...rest,
  };
}

/** An outbox over a store of its own. */
export interface House extends AsyncDisposable {
  readonly outbox: Outbox;
  readonly records: Records;
  edge(arn: string): EdgeState | undefined;
}

export async function openHouse(
  more: Partial<DeliveryDependencies> & {
    readonly targets?: Readonly<Record<string, Target>>;
    /** Pages of 4 KiB that the store may have. */
    readonly pagesMax?: number;
    /** A store of an earlier house: left there. */
    readonly directory?: string;
  } = {},
): Promise<House> {
  await using scope = new AsyncDisposableStack();
  const { targets = {}, pagesMax, ...dependencies } = more;
  const directory = more.directory ?? (await mkdtemp(join(tmpdir(), 'millrace-delivery-')));
  if (more.directory === undefined) scope.defer(() => rm(directory, { recursive: true }));
  const records = scope.use(await openEmbeddedRecords({ directory, ...(pagesMax !== undefined && { pagesMax }) }));
  const clock: Clock = systemClock;
  const ground = { clock, random: seededRandom(3), logger: silentLogger, metrics: createMetrics() };
  const outbox = scope.use(await openDelivery({ records, ...ground, ...dependencies }));
  for (const [service, target] of Object.entries(targets)) outbox.register(service, target);
  const owned = scope.move();
  return {
    outbox,
    records,
    edge: (arn) => outbox.edges().find((one) => one.arn === arn),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export interface Call {
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** A web server at the far edge. */
export interface Web extends AsyncDisposable {
  readonly calls: readonly Call[];
  readonly port: number;
  readonly url: string;
}

export type Answer = (call: Call, response: ServerResponse) => void;

export async function web(answer: Answer, tls?: { readonly key: string; readonly cert: string }): Promise<Web> {
  const calls: Call[] = [];
  const server: Server = (tls ? createTlsServer(tls) : createServer()) as Server;
  server.on('request', (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const call = { path: request.url!, body, headers: request.headers };
      calls.push(call);
      answer(call, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    calls,
    port,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A certificate for 127.0.0.1 and localhost that signs itself, in PEM. */
export async function selfSigned(): Promise<{ readonly key: string; readonly cert: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  const subject = ['-subj', '/CN=localhost', '-addext', names, '-days', '1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  const made = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  await rm(directory, { recursive: true });
  return made;
}
