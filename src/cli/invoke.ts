import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { hasCode, messageOf, systemClock } from '../base/index.ts';
import { encodeStrictly } from '../codec/aws/index.ts';
import { RemoteStack } from './application/stack.ts';
import { defaultStackName } from './application/template.ts';
import { ApiError, type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { CommandError, defineCommand, EXIT, UsageError } from './command.ts';
import { paint } from './terminal.ts';

export const invoke = defineCommand({
  name: 'invoke',
  summary: 'Run a function once and print what it returns; FUNCTION is a name, an ARN or a logical id of the stack.',
  positionals: { usage: 'FUNCTION', min: 1, max: 1 },
  options: {
    payload: { type: 'text', value: 'JSON', default: '{}', help: 'the event: JSON, @FILE, or - for stdin' },
    async: { type: 'flag', help: 'queue the event and do not wait' },
    qualifier: { type: 'text', value: 'VERSION', help: 'a version or an alias' },
    logs: { type: 'flag', short: 'l', help: 'print the end of the log on stderr' },
    'stack-name': { type: 'text', value: 'NAME', help: "where to look for a logical id; else the folder's name" },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace invoke alerts --payload \'{"level":3}\'', 'with an event'],
    ['millrace invoke alerts --payload @event.json --logs', 'with an event from a file, and the log'],
  ],
  async run({ values, positionals: [name], terminal, env, cwd }) {
    const client = await openClient(values, env);
    const body = await readPayload(values.payload, cwd);
    const stackName = values['stack-name'] ?? defaultStackName(cwd);
    const request = { body, asynchronous: values.async, ...(values.qualifier && { qualifier: values.qualifier }) };
    const answer = await invokeByName(client, name!, stackName, request, terminal);
    const log = answer.headers.get('x-amz-log-result');
    if (values.logs && log) terminal.err(`${Buffer.from(log, 'base64').toString().trimEnd()}\n`);
    if (answer.body.length > 0) terminal.out(`${answer.body.toString()}\n`);
    const error = answer.headers.get('x-amz-function-error');
    if (!error) return EXIT.ok;
    terminal.err(`${paint(terminal.errColours, 'red', `the function failed (${error})`)}\n`);
    return EXIT.failed;
  },
});

interface Request {
  readonly body: Buffer;
  readonly asynchronous: boolean;
  readonly qualifier?: string;
}

type Answer = Awaited<ReturnType<Client['send']>>;

/** By its own name first, then as a logical id of the stack. */
async function invokeByName(
  client: Client,
  name: string,
  stackName: string,
  request: Request,
  terminal: ConstructorParameters<typeof RemoteStack>[2],
): Promise<Answer> {
  try {
    return await invokeFunction(client, name, request);
  } catch (error) {
    if (!hasCode(error, 'ResourceNotFoundException')) throw error;
    const physical = await new RemoteStack(stackName, client, terminal, systemClock)
      .physicalIds('AWS::Lambda::Function')
      .then((ids) => ids.get(name))
      .catch(() => undefined);
    if (physical) return invokeFunction(client, physical, request);
    throw new CommandError(`there is no function ${name}, neither by name nor as a logical id of stack ${stackName}`);
  }
}

async function invokeFunction(client: Client, name: string, request: Request): Promise<Answer> {
  const { body, asynchronous, qualifier } = request;
  const query = qualifier ? `?Qualifier=${encodeStrictly(qualifier)}` : '';
  const answer = await client.send(
    'lambda',
    'POST',
    `/2015-03-31/functions/${encodeStrictly(name)}/invocations${query}`,
    {
      headers: {
        'content-type': 'application/json',
        'x-amz-invocation-type': asynchronous ? 'Event' : 'RequestResponse',
        ...(!asynchronous && { 'x-amz-log-type': 'Tail' }),
      },
      body,
    },
  );
  if (answer.status < 300) return answer;
  const code = (answer.headers.get('x-amzn-errortype') ?? `HTTP ${answer.status}`).split(':')[0]!;
  const { message, Message } = JSON.parse(answer.body.toString() || '{}') as { message?: string; Message?: string };
  throw new ApiError(code, message ?? Message ?? '', answer.status);
}

async function readPayload(given: string, cwd: string): Promise<Buffer> {
  const json = await payloadText(given, cwd);
  try {
    JSON.parse(json);
  } catch (error) {
    throw new UsageError(`--payload is not JSON: ${messageOf(error)}`);
  }
  return Buffer.from(json);
}

async function payloadText(given: string, cwd: string): Promise<string> {
  if (given === '-') return text(process.stdin);
  if (!given.startsWith('@')) return given;
  return readFile(resolve(cwd, given.slice(1)), 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read the payload: ${messageOf(error)}`);
  });
}
