import { resolve } from 'node:path';
import { systemClock } from '../base/index.ts';
import { deployApplication, packageApplication } from './application/deployment.ts';
import { isService, refuseTemplateOptions, runOsls } from './application/osls.ts';
import type { StackOutput } from './application/stack.ts';
import { defaultStackName, readApplication } from './application/template.ts';
import { ENDPOINT_OPTIONS, findConnection, openClient } from './client.ts';
import { columns, defineCommand, EXIT, UsageError } from './command.ts';
import { paint, type Terminal } from './terminal.ts';

export const STAGE_OPTION = {
  type: 'text',
  value: 'NAME',
  help: 'of a serverless.yml: its stage; else what the file says, else dev',
} as const;

export const deploy = defineCommand({
  name: 'deploy',
  summary:
    'Bundle the functions of the application in DIR, upload them, and create or update its stack. A serverless.yml is deployed by osls.',
  positionals: { usage: '[DIR]', min: 0, max: 1 },
  options: {
    'stack-name': { type: 'text', value: 'NAME', help: "else the folder's name" },
    parameter: { type: 'list', value: 'NAME=VALUE', help: 'a parameter of the template; may be given again' },
    tag: { type: 'list', value: 'KEY=VALUE', help: 'a tag of the stack and its resources; may be given again' },
    json: { type: 'flag', help: 'print the outputs as JSON' },
    stage: STAGE_OPTION,
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace deploy', 'deploy the template in this folder to the node on this machine'],
    ['millrace deploy app --stack-name plant-7 --parameter Limit=80', 'another folder, name and parameter'],
    [
      'millrace deploy --endpoint-url https://edge-7.example:4566',
      'to a node elsewhere, with the credentials in the environment',
    ],
  ],
  async run({ values, positionals: [folder = '.'], terminal, env, cwd }) {
    const directory = resolve(cwd, folder);
    if (await isService(directory)) {
      refuseTemplateOptions(values);
      const params = values.parameter.flatMap((pair) => ['--param', pair]);
      const connection = await findConnection(values, env);
      await runOsls(directory, ['deploy', ...stageOf(values), ...params], { connection, terminal, env });
      return EXIT.ok;
    }
    refuseStage(values);
    const application = await readApplication(directory);
    const packages = await packageApplication(application);
    const client = await openClient(values, env);
    const stackName = values['stack-name'] ?? defaultStackName(directory);
    terminal.err(`deploying stack ${stackName} to ${client.endpoint.origin} (${client.region})\n`);
    const outcome = await deployApplication(application, packages, {
      client,
      terminal,
      clock: systemClock,
      stackName,
      parameters: readPairs('parameter', values.parameter),
      tags: readPairs('tag', values.tag),
    });
    terminal.err(
      outcome.changed
        ? `${paint(terminal.errColours, 'green', 'deployed')} ${stackName}\n`
        : `nothing to change in ${stackName}\n`,
    );
    showOutputs(outcome.outputs, values.json, terminal);
    return EXIT.ok;
  },
});

/** The stage of a service, as osls takes it. */
export function stageOf({ stage }: { readonly stage: string | undefined }): readonly string[] {
  return stage === undefined ? [] : ['--stage', stage];
}

/** @throws UsageError  a template has no stages */
export function refuseStage({ stage }: { readonly stage: string | undefined }): void {
  if (stage !== undefined) throw new UsageError('--stage is for a serverless.yml; a template takes --stack-name');
}

/** `['a=1']` as an object. */
export function readPairs(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals <= 0) throw new UsageError(`--${option} must be NAME=VALUE, not "${pair}"`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

export function showOutputs(outputs: readonly StackOutput[], json: boolean, terminal: Terminal): void {
  if (json) {
    const members = outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]);
    terminal.out(`${JSON.stringify(Object.fromEntries(members), null, 2)}\n`);
  } else if (outputs.length > 0) {
    terminal.out(`${columns(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]))}\n`);
  }
}
