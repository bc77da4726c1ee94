import { execFile } from 'node:child_process';
import { type Clock, DomainError, seededRandom, systemClock } from '../../src/base/index.ts';
import type { Credentials, Service } from '../../src/services/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';
import { createWireServer, type WireOptions, type WireServer } from '../../src/wire/index.ts';

export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

export const CREDENTIALS: Credentials = {
  secretFor: (accessKeyId) =>
    accessKeyId === KEY.accessKeyId
      ? {
          secret: KEY.secretAccessKey,
          caller: { accountId: '000000000000', arn: 'arn:aws:iam::000000000000:root', accessKeyId },
        }
      : undefined,
};

export interface TestWire extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly server: WireServer;
}

/** A server with small services, on any free port of loopback, that proves every caller. */
export async function startWire(services: readonly Service[], more: Partial<WireOptions> = {}): Promise<TestWire> {
  const server = createWireServer({
    services,
    credentials: CREDENTIALS,
    mode: 'secured',
    clock: systemClock as Clock,
    random: seededRandom(1),
    logger: silentLogger,
    metrics: createMetrics(),
    ...more,
  });
  const { url, port } = await server.listen('127.0.0.1', 0);
  return { url, port, server, [Symbol.asyncDispose]: () => server.close(1000) };
}

/** What the AWS SDK for JS needs to reach it. */
export function clientOptions(wire: TestWire) {
  return { endpoint: wire.url, region: 'eu-central-1', credentials: KEY, maxAttempts: 1 };
}

export function notFound(message: string): DomainError<'not-found'> {
  return new DomainError('not-found', message);
}

/** Environment of boto3 and the aws CLI. Debian's know `AWS_ENDPOINT_URL` not yet: pass `--endpoint-url` or `endpoint_url`. */
export function clientEnvironment(wire: TestWire): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    AWS_ACCESS_KEY_ID: KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEY.secretAccessKey,
    AWS_DEFAULT_REGION: 'eu-central-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ENDPOINT_URL: wire.url,
    ENDPOINT: wire.url,
  };
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<RunResult> {
  return new Promise((resolve) => {
    execFile(file, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? ((error as { code?: number }).code ?? -1) : 0, stdout, stderr });
    });
  });
}
