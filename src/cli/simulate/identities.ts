import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ACCOUNT_ID, hasCode } from '../../base/index.ts';
import { ApiError, type Client } from '../client.ts';
import { CommandError, UsageError } from '../command.ts';
import { makeKey } from '../devices/files.ts';
import { DeviceRegistry } from '../devices/registry.ts';
import { makePrivateDirectory } from '../private-directory.ts';
import type { Identity } from './connection.ts';
import { deviceId, type Fleet } from './fleet.ts';

/** Numbers of enrolling (S5). */
export const ENROLL_LIMITS = {
  /** Devices that are enrolled at the same time. */
  atOnce: 16,
} as const;

/** Certificates and keys of a fleet by the ids of its devices, and the authority that they know the node by. */
export interface Identities {
  /** PEM file. */
  readonly caFile: string;
  readonly of: ReadonlyMap<string, Identity>;
}

const CA_FILE = 'ca.pem';
const DEVICES_FILE = 'devices.jsonl';

/** Reads what {@link enroll} has written. @throws UsageError  there is none, or not for every device of the fleet */
export async function readIdentities(directory: string, fleet: Fleet): Promise<Identities> {
  const of = await readDevices(directory);
  for (let index = 0; index < fleet.devices; index++) {
    const id = deviceId(fleet.idPattern, index);
    if (!of.has(id)) throw new UsageError(`${directory} has no certificate for ${id}: --enroll makes them`);
  }
  return { caFile: join(directory, CA_FILE), of };
}

/**
 * Has the node's authority sign a certificate for every device that has none yet, makes their things, and allows them the topics of
 * the fleet and nothing else. Keys are made here and kept in `directory`, readable by the user only; what is interrupted goes on where
 * it was.
 *
 * @param progress  told how many of how many are done
 * @throws CommandError, ApiError
 */
export async function enroll(
  fleet: Fleet,
  options: {
    readonly client: Client;
    readonly directory: string;
    /** Name of the policy; a number of fleets may share a node. */
    readonly policyName: string;
    readonly signal: AbortSignal;
    readonly progress: (done: number, of: number) => void;
  },
): Promise<Identities> {
  const { client, directory, policyName, signal, progress } = options;
  const registry = new DeviceRegistry(client);
  const authority = await registry.authority();
  await makePrivateDirectory(directory);
  const caFile = join(directory, CA_FILE);
  const known = (await isAuthority(caFile, authority)) ? await readDevices(directory) : new Map<string, Identity>();
  if (known.size === 0) await writeFile(join(directory, DEVICES_FILE), '', { mode: 0o600 });
  await writeFile(caFile, authority, { mode: 0o600 });
  await ensurePolicy(client, policyName, policyOf(fleet, client.region));
  const wanted = Array.from({ length: fleet.devices }, (_, index) => deviceId(fleet.idPattern, index));
  const missing = wanted.filter((id) => !known.has(id));
  let next = 0;
  let done = wanted.length - missing.length;
  const work = async (): Promise<void> => {
    while (next < missing.length) {
      if (signal.aborted) throw new CommandError('interrupted; --enroll goes on where it was');
      const id = missing[next++]!;
      const identity = await enrollOne(registry, id, policyName);
      await appendFile(join(directory, DEVICES_FILE), `${JSON.stringify({ id, ...identity })}\n`);
      known.set(id, identity);
      progress(++done, wanted.length);
    }
  };
  await Promise.all(Array.from({ length: ENROLL_LIMITS.atOnce }, work));
  return { caFile, of: known };
}

async function enrollOne(registry: DeviceRegistry, id: string, policyName: string): Promise<Identity> {
  const { key, request } = await makeKey(id);
  const { certificateArn, certificatePem } = await registry.sign(request);
  await registry.ensureThing(id);
  await registry.attachThing(id, certificateArn);
  await registry.attachPolicy(policyName, certificateArn);
  return { cert: certificatePem, key };
}

/** Connect under the own name, publish to the own topic (and that of the will), subscribe to the own commands. */
export function policyOf(fleet: Fleet, region: string): string {
  const own = (pattern: string) => pattern.replaceAll('{device}', '${iot:Connection.Thing.ThingName}');
  const arn = (kind: string, name: string) => `arn:aws:iot:${region}:${ACCOUNT_ID}:${kind}/${own(name)}`;
  const { topicPattern, will, subscribe } = fleet;
  const topics = [topicPattern, ...(will ? [will.topic] : [])].map((topic) => arn('topic', topic));
  // In topic ARNs wildcards of MQTT are letters like others; `*` stands for any.
  const received = subscribe && arn('topic', subscribe.topic.replace(/[+#]/g, '*'));
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: arn('client', '{device}') },
      { Effect: 'Allow', Action: ['iot:Publish', 'iot:RetainPublish'], Resource: topics },
      ...(subscribe
        ? [
            { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arn('topicfilter', subscribe.topic) },
            { Effect: 'Allow', Action: 'iot:Receive', Resource: received },
          ]
        : []),
    ],
  });
}

/** The policy with this document: made, left as it is, or with a new version. */
async function ensurePolicy(client: Client, name: string, policyDocument: string): Promise<void> {
  const path = `/policies/${encodeURIComponent(name)}`;
  try {
    await client.rest('iot', 'POST', path, { policyDocument });
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'ResourceAlreadyExistsException')) throw error;
    const { policyDocument: current } = await client.rest('iot', 'GET', path);
    if (current === policyDocument) return;
    await client.rest('iot', 'POST', `${path}/version?setAsDefault=true`, { policyDocument });
  }
}

async function isAuthority(file: string, authority: string): Promise<boolean> {
  return (await readIfThere(file)) === authority;
}

async function readDevices(directory: string): Promise<Map<string, Identity>> {
  const text = (await readIfThere(join(directory, DEVICES_FILE))) ?? '';
  const devices = new Map<string, Identity>();
  for (const line of text.split('\n')) {
    // The last line may be cut: that device is enrolled anew.
    if (!line.endsWith('}')) continue;
    const { id, cert, key } = JSON.parse(line) as Identity & { readonly id: string };
    devices.set(id, { cert, key });
  }
  return devices;
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
}
