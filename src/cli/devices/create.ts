import { relative, resolve } from 'node:path';
import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { defineCommand, EXIT, UsageError, type Values } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { type DeviceFiles, filesOf, makeKey, replace, reserveKey } from './files.ts';
import { DeviceRegistry, OWN_TOPICS, type SignedCertificate } from './registry.ts';
import { type DeviceAddress, SNIPPETS, type SnippetKind, snippet } from './snippets.ts';

/** Port of MQTT over TLS where the node does not tell. */
const MQTTS_PORT = 8883;

const OPTIONS = {
  out: { type: 'text', value: 'DIR', default: 'certs', help: 'where NAME.key, NAME.crt and ca.crt are written' },
  policy: { type: 'text', value: 'POLICY', help: `policy that the certificate gets; else ${OWN_TOPICS}` },
  snippet: {
    type: 'text',
    value: 'KIND',
    default: 'all',
    choices: ['all', 'none', ...Object.keys(SNIPPETS)],
    help: 'program to print that sends one message',
  },
  host: {
    type: 'text',
    value: 'HOST',
    help: 'name or address under which the device reaches the node; else that of the endpoint',
  },
  port: { type: 'number', value: 'PORT', min: 1, max: 65_535, help: 'port of MQTT over TLS; else what the node says' },
  json: { type: 'flag', help: 'print JSON instead of programs, one object a device' },
  ...ENDPOINT_OPTIONS,
} as const;

export const create = defineCommand({
  name: 'devices create',
  summary:
    'Make a key here, have the node sign its certificate, make the thing and attach both to a policy. Prints programs that connect as the device. The key never leaves this machine.',
  positionals: { usage: 'NAME...', min: 1, max: 1000 },
  options: OPTIONS,
  examples: [
    ['millrace devices create pump-1', 'certs/pump-1.key, certs/pump-1.crt, certs/ca.crt, and how to connect'],
    ['millrace devices create pump-1 --snippet python > pump.py', 'the same, with one program'],
    ['millrace devices create pump-2 pump-3 --policy pumps --snippet none', 'two more, with a policy of yours'],
  ],
  async run({ values, positionals: names, terminal, env, cwd }) {
    const directory = resolve(cwd, values.out);
    const devices = names.map((name) => ({ name, files: filesOf(name, directory) }));
    if (new Set(names).size < names.length) throw new UsageError('a name is given twice');
    const client = await openClient(values, env);
    const registry = new DeviceRegistry(client);
    const authority = await registry.authority();
    if (values.policy === undefined) await registry.ensureOwnTopics();
    else await registry.requirePolicy(values.policy);
    const address = {
      host: values.host ?? hostOf(client.endpoint),
      port: values.port ?? (await registry.tlsPort()) ?? MQTTS_PORT,
    };
    for (const { name, files } of devices) {
      const { key, request } = await makeKey(name);
      await reserveKey(files, directory, key);
      const signed = await registry.sign(request);
      await replace(files.certificate, signed.certificatePem);
      await replace(files.authority, authority);
      await registry.ensureThing(name);
      await registry.attachThing(name, signed.certificateArn);
      await registry.attachPolicy(values.policy ?? OWN_TOPICS, signed.certificateArn);
      report({ name, signed, files, address }, values, terminal, cwd);
    }
    return EXIT.ok;
  },
});

interface Made {
  readonly name: string;
  readonly signed: SignedCertificate;
  readonly files: DeviceFiles;
  readonly address: DeviceAddress;
}

function report(
  { name, signed, files, address }: Made,
  values: Values<typeof OPTIONS>,
  terminal: Terminal,
  cwd: string,
): void {
  const { certificateArn, certificateId } = signed;
  if (values.json)
    return terminal.out(`${JSON.stringify({ name, certificateArn, certificateId, ...files, ...address })}\n`);
  const shown = shownFiles(files, cwd);
  terminal.err(`${name}: ${shown.key}, ${shown.certificate} and ${shown.authority} are written\n${certificateArn}\n`);
  if (values.snippet === 'none') return;
  const single = values.snippet !== 'all';
  for (const kind of (single ? [values.snippet] : Object.keys(SNIPPETS)) as SnippetKind[]) {
    if (!single) terminal.out(`\n# ${SNIPPETS[kind].title}\n`);
    terminal.out(snippet(kind, name, shown, address));
  }
}

/** Paths from where the command was called: programs are run there. */
function shownFiles(files: DeviceFiles, cwd: string): DeviceFiles {
  const shown = (path: string) => relative(cwd, path);
  return { key: shown(files.key), certificate: shown(files.certificate), authority: shown(files.authority) };
}

/** Without the brackets of IPv6. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}
