import type { AccessAnswer, RefusalView } from '../../services/iot/index.ts';
import { ENDPOINT_OPTIONS, openClient } from '../client.ts';
import { defineCommand, EXIT, UsageError } from '../command.ts';
import { paint, type Terminal } from '../terminal.ts';

const PATH = '/_millrace/access';
/** Name under which calls of the node's own routes are signed. */
const SERVICE = 'millrace';

export const whyDenied = defineCommand({
  name: 'devices why-denied',
  summary:
    'Say why a device was refused something, or whether it may do something and why: statement by statement of its policies, with the values of their variables.',
  positionals: { usage: '[CLIENT-ID]', min: 0, max: 1 },
  options: {
    action: { type: 'text', value: 'ACTION', help: 'Connect, Publish, RetainPublish, Subscribe or Receive' },
    on: { type: 'text', value: 'NAME', help: 'topic, topic filter, or client id of a Connect' },
    principal: { type: 'text', value: 'ARN', help: 'ask about this certificate or user, connected or not' },
    json: { type: 'flag', help: 'print JSON' },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace devices why-denied', 'what was refused lately, to whomever'],
    ['millrace devices why-denied pump-1', 'what pump-1 was refused lately, and why'],
    ['millrace devices why-denied pump-1 --action Publish --on a/b', 'whether pump-1 may publish to a/b, and why'],
    [
      'millrace devices why-denied pump-1 --principal ARN --action Connect --on pump-1',
      'the same of a certificate that is not connected',
    ],
  ],
  async run({ values, positionals: [clientId], terminal, env }) {
    const { action, on, principal, json } = values;
    if ((action === undefined) !== (on === undefined)) throw new UsageError('--action and --on come together');
    if (principal !== undefined && action === undefined) throw new UsageError('--principal needs --action and --on');
    const client = await openClient(values, env);
    if (action === undefined) {
      const query = new URLSearchParams(clientId === undefined ? {} : { client: clientId });
      const { refusals } = (await client.rest(SERVICE, 'GET', `${PATH}/refusals?${query}`)) as {
        refusals: RefusalView[];
      };
      if (json) terminal.out(`${JSON.stringify(refusals)}\n`);
      else for (const refusal of refusals) terminal.out(refusalLine(refusal, terminal));
      if (refusals.length === 0) terminal.err('nothing was refused since the node started, as far as it remembers\n');
      return EXIT.ok;
    }
    if (clientId === undefined && principal === undefined) throw new UsageError('name a CLIENT-ID or a --principal');
    const question = { ...(clientId !== undefined && { client: clientId }), principal, action, name: on };
    const answer = (await client.rest(SERVICE, 'POST', `${PATH}/explain`, question)) as AccessAnswer;
    terminal.out(json ? `${JSON.stringify(answer)}\n` : answerText(answer, terminal));
    return answer.verdict === 'ALLOWED' ? EXIT.ok : EXIT.failed;
  },
});

function refusalLine(refusal: RefusalView, terminal: Terminal): string {
  const { clientId, principal, action, name, count, lastAt, because, remoteAddress } = refusal;
  // A publish over HTTPS has no client id.
  const who = clientId || (principal ?? 'somebody');
  const times = count === 1 ? '' : ` (${count} times)`;
  const from = remoteAddress === undefined ? '' : ` from ${remoteAddress}`;
  return `${paint(terminal.colours, 'bold', who)} ${action} ${name}${times}, ${new Date(lastAt).toISOString()}${from}\n  ${because}\n`;
}

function answerText({ because, findings }: AccessAnswer, terminal: Terminal): string {
  const lines = findings.map(({ policy, via, statement, sid, effect, applies, because: why }) => {
    const mark = applies ? paint(terminal.colours, effect === 'Allow' ? 'green' : 'red', effect) : effect;
    const named = sid === undefined ? '' : ` "${sid}"`;
    return `  ${policy}, statement ${statement}${named} (${mark}, by ${via}): ${why}\n`;
  });
  return `${because}\n${lines.join('')}`;
}
