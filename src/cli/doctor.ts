import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../base/index.ts';
import type { SandboxSurvey, Wall } from '../runtime/index.ts';
import { defineCommand, EXIT } from './command.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary:
    'Say which sandbox functions get on this machine, which walls it has, and what to do about those that are missing',
  options: { json: { type: 'flag', help: 'print it as JSON' } },
  examples: [['millrace doctor', 'try each wall, as the user who runs it']],
  async run({ values, terminal }) {
    const { surveySandbox } = await import('../runtime/index.ts');
    const directory = await mkdtemp(join(tmpdir(), 'millrace-doctor-'));
    try {
      const survey = await surveySandbox({ directory, clock: systemClock, random: systemRandom });
      terminal.out(values.json ? `${JSON.stringify(survey, undefined, 2)}\n` : render(survey));
      return survey.engine === 'namespace' ? EXIT.ok : EXIT.failed;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
});

function render({ engine, weakerBecause, walls }: SandboxSurvey): string {
  const head = [
    `sandbox engine: ${engine}`,
    ...(weakerBecause === undefined ? [] : [`not namespace, because: ${weakerBecause}`]),
    '',
  ];
  return [...head, ...walls.map(renderWall), ''].join('\n');
}

function renderWall({ name, stands, why, remedy }: Wall): string {
  const lines = [`  ${stands ? 'yes' : 'no '}  ${name}`];
  if (why) lines.push(`       ${why}`);
  if (remedy) lines.push(`       do: ${remedy}`);
  return lines.join('\n');
}
