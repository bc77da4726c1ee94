import { resolve } from 'node:path';
import { systemClock } from '../base/index.ts';
import { isService, runOsls } from './application/osls.ts';
import { RemoteStack } from './application/stack.ts';
import { defaultStackName } from './application/template.ts';
import { ENDPOINT_OPTIONS, findConnection, openClient } from './client.ts';
import { defineCommand, EXIT } from './command.ts';
import { refuseStage, STAGE_OPTION, stageOf } from './deploy.ts';

export const remove = defineCommand({
  name: 'remove',
  summary: 'Delete the stack of the application in DIR with everything in it that is not retained.',
  positionals: { usage: '[DIR]', min: 0, max: 1 },
  options: {
    'stack-name': { type: 'text', value: 'NAME', help: "else the folder's name" },
    stage: STAGE_OPTION,
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace remove', 'remove what "millrace deploy" in this folder made'],
    ['millrace remove --stack-name plant-7', 'remove a stack by its name'],
  ],
  async run({ values, positionals: [folder = '.'], terminal, env, cwd }) {
    const directory = resolve(cwd, folder);
    // A stack that is named needs no folder.
    if (values['stack-name'] === undefined && (await isService(directory))) {
      const connection = await findConnection(values, env);
      await runOsls(directory, ['remove', ...stageOf(values)], { connection, terminal, env });
      return EXIT.ok;
    }
    refuseStage(values);
    const stackName = values['stack-name'] ?? defaultStackName(directory);
    const client = await openClient(values, env);
    const removed = await new RemoteStack(stackName, client, terminal, systemClock).remove();
    terminal.err(removed ? `removed ${stackName}\n` : `there is no stack ${stackName}: nothing to remove\n`);
    return EXIT.ok;
  },
});
