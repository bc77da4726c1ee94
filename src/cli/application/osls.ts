import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { access, readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isIP } from 'node:net';
import { delimiter, dirname, isAbsolute, join, relative } from 'node:path';
import { messageOf } from '../../base/index.ts';
import type { Connection } from '../client.ts';
import { CommandError, EXIT, UsageError } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { findTemplate } from './template.ts';

/** Names that osls reads a service from. */
const SERVICE_NAMES = ['yml', 'yaml', 'json', 'js', 'cjs', 'mjs', 'ts'].map((ending) => `serverless.${ending}`);

/** The first osls whose AWS clients take their endpoint from the environment. */
const MAJOR_MIN = 4;

/** How often osls asks for the events of a stack (its own 5 s are for AWS). */
const MONITORING_MS = '250';

type Env = Readonly<Record<string, string | undefined>>;

/** Whether the folder is deployed by osls: it has a `serverless.yml` or its like, and no template, which goes first. */
export async function isService(directory: string): Promise<boolean> {
  return (await findService(directory)) !== undefined;
}

async function findService(directory: string): Promise<string | undefined> {
  if ((await findTemplate(directory)) !== undefined) return undefined;
  return firstOf(SERVICE_NAMES.map((name) => join(directory, name)));
}

/**
 * osls packages all of a service's folder, a node's data too if they stand there.
 *
 * @throws UsageError  they do, and the service says nothing about them
 */
export async function refuseDataInPackages(directory: string, dataDirectory: string): Promise<void> {
  const inside = relative(directory, dataDirectory);
  const file = await findService(directory);
  if (file === undefined || inside.startsWith('..') || isAbsolute(inside)) return;
  if ((await readFile(file, 'utf8')).includes(inside)) return;
  throw new UsageError(
    `what the node keeps in ${inside} would go into the packages of the service: add "!${inside}/**" to package.patterns in ${file}, or give a --data-dir elsewhere`,
  );
}

/** Options of a command that make no sense for a service: what osls has instead. @throws UsageError */
export function refuseTemplateOptions(values: Readonly<Record<string, unknown>>): void {
  const given = (name: string) => (Array.isArray(values[name]) ? values[name].length > 0 : Boolean(values[name]));
  const instead: Readonly<Record<string, string>> = {
    'stack-name': 'the stack is named in serverless.yml (provider.stackName), or by the service and --stage',
    tag: 'tags stand in serverless.yml (provider.stackTags, provider.tags)',
    json: 'osls prints the outputs itself; ask "osls info --verbose"',
  };
  for (const [name, hint] of Object.entries(instead)) {
    if (given(name)) throw new UsageError(`--${name} is not for a serverless.yml: ${hint}`);
  }
}

/**
 * Runs osls, the open Serverless Framework, in the folder of a service against a node.
 *
 * @param args  command and options, as osls takes them
 * @throws CommandError  osls is not installed, too old, or failed
 */
export async function runOsls(
  directory: string,
  args: readonly string[],
  { connection, terminal, env }: { readonly connection: Connection; readonly terminal: Terminal; readonly env: Env },
): Promise<void> {
  const program = await findOsls(directory, env);
  const child = spawn(process.execPath, [program, ...args, '--region', connection.region], {
    cwd: directory,
    env: { ...env, ...(await environmentOf(connection, env)) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => terminal.out(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => terminal.err(text));
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  if (code !== 0) throw new CommandError(`osls ${args[0]} failed; the lines above say why`);
}

async function environmentOf(connection: Connection, env: Env): Promise<Record<string, string | undefined>> {
  const { endpoint, region, credentials } = connection;
  return {
    AWS_ENDPOINT_URL: (await byAddress(endpoint)).origin,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
    // A profile would come before the keys.
    AWS_PROFILE: undefined,
    SLS_AWS_MONITORING_FREQUENCY: env.SLS_AWS_MONITORING_FREQUENCY ?? MONITORING_MS,
  };
}

/**
 * AWS's clients put the bucket before the name of the host, and `BUCKET.localhost` is not found on every machine; before an address
 * they do not. A certificate is for the name, so `https` keeps it.
 */
async function byAddress(endpoint: URL): Promise<URL> {
  const host = endpoint.hostname.replace(/^\[|\]$/g, '');
  if (endpoint.protocol === 'https:' || isIP(host)) return endpoint;
  try {
    const { address, family } = await lookup(host);
    const direct = new URL(endpoint);
    direct.hostname = family === 6 ? `[${address}]` : address;
    return direct;
  } catch (error) {
    throw new CommandError(`${endpoint.hostname} is not found: ${messageOf(error)}`, { exitCode: EXIT.unreachable });
  }
}

/** The program of the osls that the service has installed, else of one on the PATH. */
async function findOsls(directory: string, env: Env): Promise<string> {
  const root = installedIn(directory) ?? (await onPath(env));
  if (root === undefined) {
    throw new CommandError(
      `serverless.yml is deployed by osls, the open Serverless Framework, which is not installed: run "npm install --save-dev osls" in ${directory}, or write a template.yaml`,
      { exitCode: EXIT.usage },
    );
  }
  const { version, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  if (Number.parseInt(version, 10) < MAJOR_MIN) {
    throw new CommandError(
      `osls ${version} in ${root} calls AWS only: install osls ${MAJOR_MIN} or later, which reads AWS_ENDPOINT_URL`,
      { exitCode: EXIT.usage },
    );
  }
  return join(root, bin.osls);
}

function installedIn(directory: string): string | undefined {
  try {
    return dirname(createRequire(join(directory, 'serverless.yml')).resolve('osls/package.json'));
  } catch {
    return undefined;
  }
}

async function onPath({ PATH = '' }: Env): Promise<string | undefined> {
  const program = await firstOf(PATH.split(delimiter).map((folder) => join(folder, 'osls')));
  // npm links a program of the package: bin/serverless.js.
  return program && dirname(dirname(await realpath(program)));
}

async function firstOf(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return undefined;
}
