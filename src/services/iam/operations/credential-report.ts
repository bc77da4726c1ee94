import { ACCOUNT_ID, formatArn } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import type { User, UserKey } from '../entities.ts';
import { iamError } from '../errors.ts';
import type { IamState } from '../state.ts';
import { keysOf } from '../users.ts';

const NONE = 'N/A';

/**
 * The report of users and their keys. It is made at once and held until the node ends.
 *
 * @see IAM User Guide, Generate credential reports for your AWS account (its columns)
 */
export function credentialReportOperations(state: IamState): Record<string, Operation> {
  let report: { readonly content: string; readonly generatedAt: number } | undefined;
  return {
    GenerateCredentialReport: () => {
      report = { content: render(state), generatedAt: state.clock.now() };
      return { State: 'COMPLETE' };
    },
    GetCredentialReport: () => {
      if (!report) throw iamError('report-not-present', 'Credential report not present');
      return {
        Content: Buffer.from(report.content),
        ReportFormat: 'text/csv',
        GeneratedTime: new Date(report.generatedAt),
      };
    },
  };
}

const COLUMNS: readonly (readonly [name: string, of: (user: User, keys: readonly UserKey[]) => string])[] = [
  ['user', ({ name }) => name],
  ['arn', ({ arn }) => arn],
  ['user_creation_time', ({ createdAt }) => timeOf(createdAt)],
  ['password_enabled', () => 'false'],
  ['password_last_used', () => NONE],
  ['password_last_changed', () => NONE],
  ['password_next_rotation', () => NONE],
  ['mfa_active', () => 'false'],
  ...[0, 1].flatMap((index) => keyColumns(index)),
  ...[1, 2].flatMap((number) => certificateColumns(number)),
];

function keyColumns(index: number): typeof COLUMNS {
  const prefix = `access_key_${index + 1}`;
  return [
    [`${prefix}_active`, (_, keys) => String(keys[index]?.active ?? false)],
    [`${prefix}_last_rotated`, (_, keys) => (keys[index] ? timeOf(keys[index].createdAt) : NONE)],
    [`${prefix}_last_used_date`, () => NONE],
    [`${prefix}_last_used_region`, () => NONE],
    [`${prefix}_last_used_service`, () => NONE],
  ];
}

function certificateColumns(number: number): typeof COLUMNS {
  return [
    [`cert_${number}_active`, () => 'false'],
    [`cert_${number}_last_rotated`, () => NONE],
  ];
}

function render(state: IamState): string {
  const root: User = {
    name: '<root_account>',
    id: ACCOUNT_ID,
    arn: formatArn('iam', '', ACCOUNT_ID, 'root'),
    path: '/',
    createdAt: 0,
    tags: {},
  };
  const rows = [root, ...state.users.list()].map((user) =>
    COLUMNS.map(([, of]) => of(user, keysOf(state, user.name))).join(','),
  );
  return [COLUMNS.map(([name]) => name).join(','), ...rows].join('\n');
}

/** `2026-01-02T03:04:05+00:00`. */
function timeOf(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}+00:00`;
}
