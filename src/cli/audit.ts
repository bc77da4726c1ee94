import { systemClock } from '../base/index.ts';
import { readAge } from './age.ts';
import { ENDPOINT_OPTIONS, openClient } from './client.ts';
import { defineCommand, EXIT } from './command.ts';

/** What is shown of a record; `--json` prints all of it. */
interface Shown {
  readonly eventTime: string;
  readonly eventSource?: string;
  readonly eventName: string;
  readonly userIdentity?: {
    readonly type: string;
    readonly arn?: string;
    readonly invokedBy?: string;
    readonly principalId?: string;
  };
  readonly sourceIPAddress?: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly resources?: readonly { readonly ARN: string }[];
  /** Of what the log says of itself: how many records there are not. */
  readonly count?: number;
}

export const audit = defineCommand({
  name: 'audit',
  summary:
    'Show the audit log of a node: who did what, and what was refused to whom; the newest records, the oldest of them first.',
  options: {
    since: { type: 'text', value: 'AGE', help: 'only what is younger: 30s, 10m, 2h, 7d' },
    principal: {
      type: 'text',
      value: 'TEXT',
      help: 'only of callers with this in their ARN, name, access key id or principal id (anonymous)',
    },
    event: { type: 'text', value: 'NAME', help: 'only this operation, CreateRole' },
    resource: { type: 'text', value: 'TEXT', help: 'only calls about resources with this in their ARN' },
    denied: { type: 'flag', help: 'only what policies refused' },
    limit: { type: 'number', value: 'N', min: 1, max: 1000, default: 100, help: 'at most so many' },
    json: { type: 'flag', help: "print the records as they stand in the log, CloudTrail's, a line each" },
    ...ENDPOINT_OPTIONS,
  },
  examples: [
    ['millrace audit --since 1h --denied', 'what was refused in the last hour'],
    ['millrace audit --principal alice --json', 'all that is known of what Alice did'],
  ],
  async run({ values, terminal, env }) {
    const query = new URLSearchParams({ limit: String(values.limit) });
    if (values.since !== undefined) {
      query.set('since', new Date(systemClock.now() - readAge('--since', values.since)).toISOString());
    }
    for (const name of ['principal', 'event', 'resource'] as const) {
      const value = values[name];
      if (value !== undefined) query.set(name, value);
    }
    if (values.denied) query.set('denied', 'true');
    const client = await openClient(values, env);
    const { records }: { readonly records: readonly Shown[] } = await client.rest(
      'lambda',
      'GET',
      `/_millrace/audit?${query}`,
    );
    for (const record of records) terminal.out(`${values.json ? JSON.stringify(record) : line(record)}\n`);
    return EXIT.ok;
  },
});

function line({ eventTime, eventSource, eventName, userIdentity, sourceIPAddress, errorCode, ...more }: Shown): string {
  const { arn, invokedBy, principalId, type } = userIdentity ?? {};
  const who = arn ?? invokedBy ?? principalId ?? type ?? '-';
  const call = `${eventSource?.split('.')[0] ?? '-'}:${eventName}`;
  const about = more.resources?.map(({ ARN }) => ARN).join(' ') ?? '';
  if (more.count !== undefined) return [eventTime, who, eventName, `${more.count} more, not kept`].join('  ');
  const outcome = errorCode === undefined ? 'ok' : `${errorCode}${more.errorMessage ? `: ${more.errorMessage}` : ''}`;
  return [eventTime, who, sourceIPAddress ?? '-', call, about, outcome].filter((part) => part !== '').join('  ');
}
