import { ACCOUNT_ID, formatArn, parseArn } from '../../../base/index.ts';
import {
  anything,
  both,
  type CallPlace,
  each,
  madeWithTags,
  type PermissionsOf,
  permission,
  right,
  type Target,
  type TargetOf,
  tagging,
} from '../../index.ts';
import type { Targets } from './targets.ts';

/** What a restore does to the table that it makes. */
const FILLING = ['BatchWriteItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem'];

/** Rights on tables themselves, their backups, exports, imports and global tables. */
export function tablePermissions(targets: Targets): Record<string, PermissionsOf> {
  const table: TargetOf = ({ TableName }, place) => targets.of(TableName, place);
  const tableOrIndex: TargetOf = ({ TableName, IndexName }, place) => targets.of(TableName, place, IndexName);
  const byTableArn: TargetOf = ({ TableArn }, place) => targets.of(TableArn, place);
  const ofTable: TargetOf = ({ TableArn }, place) =>
    TableArn === undefined ? anything() : targets.of(TableArn, place);
  const resource: TargetOf = ({ ResourceArn }, place) => targets.resource(ResourceArn, place);
  const creating = madeWithTags('dynamodb:CreateTable', 'dynamodb:TagResource', table, ({ Tags }) => Tags);
  /** The same action on the table that is made, and what fills it. */
  const making = (action: string) => (input: { readonly TargetTableName: string }, place: CallPlace) =>
    [action, ...FILLING].map((name) => permission(`dynamodb:${name}`, targets.of(input.TargetTableName, place)));
  const imported: TargetOf = ({ TableCreationParameters }, place) =>
    targets.of(TableCreationParameters?.TableName ?? '', place);
  return {
    ...each('dynamodb', table, [
      ...['CreateBackup', 'DeleteTable', 'DescribeContinuousBackups', 'DescribeKinesisStreamingDestination'],
      ...['DescribeTable', 'DescribeTableReplicaAutoScaling', 'DescribeTimeToLive', 'UpdateContinuousBackups'],
      ...['DisableKinesisStreamingDestination', 'UpdateTable', 'UpdateKinesisStreamingDestination'],
      ...['UpdateTableReplicaAutoScaling', 'UpdateTimeToLive'],
    ]),
    // The table writes to the stream in the name of whoever has said so.
    EnableKinesisStreamingDestination: both(
      right('dynamodb:EnableKinesisStreamingDestination', table),
      ({ StreamArn }) =>
        ['kinesis:DescribeStream', 'kinesis:PutRecords'].map((name) => permission(name, only(streamArn(StreamArn)))),
    ),
    ...each('dynamodb', tableOrIndex, ['DescribeContributorInsights', 'UpdateContributorInsights']),
    ...each('dynamodb', anything, [
      ...['DescribeEndpoints', 'DescribeLimits', 'ListBackups', 'ListContributorInsights', 'ListGlobalTables'],
      ...['ListTables'],
    ]),
    ...each('dynamodb', ofTable, ['ListExports', 'ListImports']),
    ...each('dynamodb', resource, [
      ...['DeleteResourcePolicy', 'GetResourcePolicy', 'ListTagsOfResource', 'PutResourcePolicy'],
    ]),
    ...each('dynamodb', tagging(resource), ['TagResource', 'UntagResource']),
    CreateTable: both(creating, (input, place) =>
      input.ResourcePolicy === undefined ? [] : [permission('dynamodb:PutResourcePolicy', table(input, place))],
    ),
    ...each('dynamodb', ({ BackupArn }) => only(BackupArn), ['DeleteBackup', 'DescribeBackup']),
    RestoreTableFromBackup: both(
      right('dynamodb:RestoreTableFromBackup', ({ BackupArn }) => only(BackupArn)),
      making('RestoreTableFromBackup'),
    ),
    RestoreTableToPointInTime: both(
      right('dynamodb:RestoreTableToPointInTime', ({ SourceTableArn, SourceTableName }, place) =>
        targets.of(SourceTableArn ?? SourceTableName ?? '', place),
      ),
      making('RestoreTableToPointInTime'),
    ),
    ...each('dynamodb', ({ ExportArn }) => only(ExportArn), ['DescribeExport']),
    ...each('dynamodb', ({ ImportArn }) => only(ImportArn), ['DescribeImport']),
    // The bucket is written and read in the caller's name.
    ExportTableToPointInTime: both(right('dynamodb:ExportTableToPointInTime', byTableArn), ({ S3Bucket, S3Prefix }) => [
      permission('s3:PutObject', only(under(S3Bucket, S3Prefix))),
    ]),
    // What is under the prefix is asked for once more, object by object, when it is read.
    ImportTable: both(right('dynamodb:ImportTable', imported), ({ S3BucketSource: source }) => [
      permission('s3:GetObject', only(under(source?.S3Bucket, source?.S3KeyPrefix))),
      permission('s3:ListBucket', {
        ...only(formatArn('s3', '', '', source?.S3Bucket ?? '')),
        ...(source?.S3KeyPrefix !== undefined && { context: { 's3:prefix': source.S3KeyPrefix } }),
      }),
    ]),
    ...each('dynamodb', ({ GlobalTableName }) => globalTable(GlobalTableName), [
      ...['DescribeGlobalTable', 'DescribeGlobalTableSettings'],
    ]),
    ...each(
      'dynamodb',
      ({ GlobalTableName }, place) => {
        const local = targets.of(GlobalTableName, place);
        return { ...local, resources: [...globalTable(GlobalTableName).resources, ...local.resources] };
      },
      ['CreateGlobalTable', 'UpdateGlobalTable', 'UpdateGlobalTableSettings'],
    ),
  };
}

/** Rights on the streams of tables. */
export function streamPermissions(targets: Targets): Record<string, PermissionsOf> {
  return {
    ...each('dynamodb', ({ StreamArn }, place) => targets.resource(StreamArn, place), [
      ...['DescribeStream', 'GetShardIterator'],
    ]),
    GetRecords: right('dynamodb:GetRecords', ({ ShardIterator }, place) => {
      const [arn] = ShardIterator.split('|', 1);
      // What does not begin with the ARN of a stream is no iterator.
      return arn.startsWith('arn:') ? targets.resource(arn, place) : anything();
    }),
    ListStreams: right('dynamodb:ListStreams', anything),
  };
}

/** However its partition and account are written: the stream is found by its region and its name. */
function streamArn(text: string): string {
  const arn = parseArn(text);
  return arn?.service === 'kinesis' ? formatArn('kinesis', arn.region, ACCOUNT_ID, arn.resource) : text;
}

function only(arn: string): Target {
  return { resources: [arn] };
}

/** All objects under a prefix. */
function under(bucket = '', prefix = ''): string {
  return formatArn('s3', '', '', `${bucket}/${prefix}*`);
}

function globalTable(name: string): Target {
  return only(formatArn('dynamodb', '', ACCOUNT_ID, `global-table/${name}`));
}
