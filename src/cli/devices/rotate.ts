import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { hasCode } from '../../base/index.ts';
import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { CommandError, defineCommand, EXIT } from '../command.ts';
import { makePrivateDirectory } from '../private-directory.ts';
import { filesOf, makeKey, replace } from './files.ts';
import { DeviceRegistry } from './registry.ts';

export const rotate = defineCommand({
  name: 'devices rotate',
  summary:
    'Make a new key and certificate for a device, with the policies of its old ones, and replace its files. The old certificate stays good until --finish revokes it, so that the device can be given the new files meanwhile.',
  positionals: { usage: 'NAME', min: 1, max: 1 },
  options: {
    out: { type: 'text', value: 'DIR', default: 'certs', help: 'where NAME.key, NAME.crt and ca.crt are' },
    finish: { type: 'flag', help: 'revoke every certificate of the device but the one in NAME.crt' },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace devices rotate pump-1', 'a new key and certificate beside the old ones'],
    ['millrace devices rotate pump-1 --finish', 'the device has the new files: the old certificate is revoked'],
  ],
  async run({ values, positionals: [name = ''], terminal, env, cwd }) {
    const directory = resolve(cwd, values.out);
    const files = filesOf(name, directory);
    const registry = new DeviceRegistry(await openClient(values, env));
    const old = await registry.certificatesOf(name);
    if (values.finish) {
      const kept = await certificateArnOf(files.certificate, old);
      for (const arn of old.filter((one) => one !== kept)) {
        await registry.revoke(arn);
        await registry.detachThing(name, arn);
        terminal.err(`revoked ${arn}\n`);
      }
      return EXIT.ok;
    }
    await makePrivateDirectory(directory);
    const policies = new Set<string>();
    for (const arn of old) for (const policy of await registry.policiesOf(arn)) policies.add(policy);
    const authority = await registry.authority();
    const { key, request } = await makeKey(name);
    const { certificateArn, certificatePem } = await registry.sign(request);
    await registry.attachThing(name, certificateArn);
    for (const policy of policies) await registry.attachPolicy(policy, certificateArn);
    await replace(files.key, key);
    await replace(files.certificate, certificatePem);
    await replace(files.authority, authority);
    terminal.err(`${name}: ${files.key} and ${files.certificate} are new\n${certificateArn}\n`);
    if (old.length > 0) terminal.err(`the old certificate is good until "millrace devices rotate ${name} --finish"\n`);
    return EXIT.ok;
  },
});

/** Which of a device's certificates stands in the file. @throws CommandError  none of them: nothing is revoked */
async function certificateArnOf(path: string, arns: readonly string[]): Promise<string> {
  const id = new X509Certificate(await readOrExplain(path)).fingerprint256.replaceAll(':', '').toLowerCase();
  const arn = arns.find((one) => one.endsWith(`/${id}`));
  if (arn !== undefined) return arn;
  throw new CommandError(
    `${path} holds none of the certificates that the node knows of this device: nothing is revoked`,
  );
}

async function readOrExplain(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    throw new CommandError(`there is no ${path}: --out says where the device's files are`);
  }
}
