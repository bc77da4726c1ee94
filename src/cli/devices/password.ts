import { text } from 'node:stream/consumers';
import { systemRandom } from '../../base/index.ts';
import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { DeviceRegistry } from './registry.ts';

const PATH = '/_millrace/access/users';
/** Name under which calls of the node's own routes are signed. */
const SERVICE = 'millrace';

/** 144 bits, in characters that need no escapes anywhere. */
const PASSWORD_BYTES = 18;

export const password = defineCommand({
  name: 'devices password',
  summary:
    'Give a user a password to connect with: makes the user, or ends what its old password has opened. The new password is made here and printed once, unless --stdin gives one.',
  positionals: { usage: 'NAME', min: 1, max: 1 },
  options: {
    policy: { type: 'text', value: 'NAME', help: 'attach this policy to the user' },
    stdin: { type: 'flag', help: 'read the password from standard input' },
    delete: { type: 'flag', help: 'delete the user; its connections end' },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace devices password gateway-7 --policy plant', 'a user with a new password and a policy'],
    ['millrace devices password gateway-7 --delete', 'the user is gone'],
  ],
  async run({ values, positionals: [name = ''], terminal, env }) {
    if (values.delete && (values.stdin || values.policy !== undefined)) {
      throw new UsageError('--delete stands alone');
    }
    const client = await openClient(values, env);
    const registry = new DeviceRegistry(client);
    const path = `${PATH}/${encodeURIComponent(name)}`;
    if (values.delete) {
      await client.rest(SERVICE, 'POST', `${path}/delete`, {});
      terminal.err(`${name} is deleted\n`);
      return EXIT.ok;
    }
    // Before the password is another, which nobody would be told if it went wrong after that.
    if (values.policy !== undefined) await registry.requirePolicy(values.policy);
    const given = values.stdin ? (await text(process.stdin)).replace(/\r?\n$/, '') : undefined;
    const secret = given ?? systemRandom.bytes(PASSWORD_BYTES).toString('base64url');
    const { arn } = (await client.rest(SERVICE, 'POST', `${path}/password`, { password: secret })) as { arn: string };
    if (values.policy !== undefined) await registry.attachPolicy(values.policy, arn);
    terminal.err(`${arn}\n`);
    if (given === undefined) terminal.out(`${secret}\n`);
    return EXIT.ok;
  },
});
