import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf } from '../base/index.ts';
import { type Client, ENDPOINT_OPTIONS, openClient } from './client.ts';
import { defineCommand, EXIT, UsageError } from './command.ts';
import { loggedError, readFunctionError, wordFunctionError } from './functions/function-error.ts';
import { FunctionNames } from './functions/function-names.ts';
import {
  type InvocationAnswer,
  type InvocationRequest,
  invokeFunction,
  queueEvent,
  streamFunction,
} from './functions/invocation.ts';
import { parseLogLine } from './functions/log-line.ts';
import { describeReport, readReport } from './functions/report.ts';
import { paint, type Terminal } from './terminal.ts';

export const invoke = defineCommand({
  name: 'invoke',
  summary:
    'Run a function once: what it returns goes to stdout, how it went to stderr. FUNCTION is a name, an ARN or a logical id of the stack.',
  positionals: { usage: 'FUNCTION [PAYLOAD]', min: 1, max: 2 },
  options: {
    payload: { type: 'text', value: 'JSON', help: 'the event, as PAYLOAD: JSON, @FILE, or - for stdin; else {}' },
    async: { type: 'flag', help: 'queue the event and do not wait' },
    stream: { type: 'flag', help: 'print the response as it comes, for handlers that stream theirs' },
    tail: { type: 'flag', short: 't', help: 'print what the function has logged (its last 4 KB)' },
    qualifier: { type: 'text', value: 'VERSION', help: 'a version or an alias' },
    'stack-name': {
      type: 'text',
      value: 'NAME',
      help: "where to look for a logical id; else the folder's name, else the only stack",
    },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace invoke alerts \'{"level":3}\'', 'with an event'],
    ['millrace invoke alerts @event.json --tail', 'with an event from a file, and what was logged'],
    ['jq .event test.json | millrace invoke alerts - | jq .total', 'in the middle of a pipe'],
    ['millrace invoke alerts --qualifier live --async', 'the version that an alias points to, without waiting'],
    ['millrace invoke report --stream > report.csv', 'a streamed response, as it comes'],
  ],
  async run({ values, positionals: [name, positional], terminal, env, cwd }) {
    if (values.async && (values.stream || values.tail)) {
      throw new UsageError('--async does not wait: there is no response to stream and no log yet');
    }
    if (positional !== undefined && values.payload !== undefined) {
      throw new UsageError('the payload is given twice: as an argument and as --payload');
    }
    const payload = await readPayload(positional ?? values.payload ?? '{}', cwd);
    const client = await openClient(values, env);
    const names = new FunctionNames(client, { stackName: values['stack-name'], folder: cwd }, terminal);
    const request = { payload, ...(values.qualifier && { qualifier: values.qualifier }) };
    if (values.async) {
      const requestId = await names.call(name!, (functionName) => queueEvent(client, functionName, request));
      terminal.err(`queued, request ${requestId}\n`);
      return EXIT.ok;
    }
    const answer = await names.call(name!, (functionName) =>
      values.stream ? stream(client, functionName, request, terminal) : invokeFunction(client, functionName, request),
    );
    if (answer.payload !== '' && !values.stream) terminal.out(`${answer.payload}\n`);
    if (values.tail && answer.log) terminal.err(`${answer.log.trimEnd()}\n`);
    if (answer.functionError) showError(answer, terminal);
    terminal.err(`${summary(name!, answer, terminal)}\n`);
    return answer.functionError ? EXIT.failed : EXIT.ok;
  },
});

function stream(
  client: Client,
  functionName: string,
  request: InvocationRequest,
  terminal: Terminal,
): Promise<InvocationAnswer> {
  return streamFunction(client, functionName, request, (chunk) => terminal.out(chunk)).then((answer) => {
    // A person's prompt begins a line; a file gets the bytes and nothing else.
    if (terminal.colours) terminal.out('\n');
    return answer;
  });
}

/** The log knows more of an error than the payload: what caused it. */
function showError({ payload, log }: InvocationAnswer, terminal: Terminal): void {
  const logged = log.split('\n').map((line) => loggedError(parseLogLine(line).text)?.error);
  const error = logged.findLast((each) => each !== undefined) ?? readFunctionError(payload);
  if (error) terminal.err(`${paint(terminal.errColours, 'red', wordFunctionError(error))}\n`);
}

/** `alerts failed (Unhandled): 12.3 ms, billed 13 ms, 45 of 128 MB, warm` */
function summary(
  name: string,
  { functionError, log, version, requestId }: InvocationAnswer,
  terminal: Terminal,
): string {
  const outcome = functionError
    ? paint(terminal.errColours, 'red', `failed (${functionError})`)
    : paint(terminal.errColours, 'green', 'succeeded');
  const report = log
    .split('\n')
    .map(readReport)
    .findLast((each) => each !== undefined);
  const figures = report ? describeReport(report) : `request ${requestId}`;
  return `${name}${version && version !== '$LATEST' ? ` version ${version}` : ''} ${outcome}: ${figures}`;
}

async function readPayload(given: string, cwd: string): Promise<Buffer> {
  const json = await payloadText(given, cwd);
  try {
    JSON.parse(json);
  } catch (error) {
    throw new UsageError(`the payload is not JSON: ${messageOf(error)}`);
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
