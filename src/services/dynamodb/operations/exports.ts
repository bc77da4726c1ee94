import type { DescribeExportInput, ExportTableToPointInTimeInput, ListExportsInput } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../base/index.ts';
import type { Operation } from '../../index.ts';
import { invalid } from '../errors.ts';
import type { Export, Exports } from '../history/exports.ts';
import { HISTORY_LIMITS } from '../history/limits.ts';
import type { Restores } from '../history/restores.ts';
import { fingerprintOf } from '../items/fingerprint.ts';
import type { Tables } from '../tables/tables.ts';
import { resolve } from './backups.ts';

export interface ExportParts {
  readonly tables: Tables;
  readonly exports: Exports;
  readonly restores: Restores;
  readonly clock: Clock;
}

/** Exports of tables to buckets. */
export function exportOperations({ tables, exports, restores, clock }: ExportParts) {
  const ExportTableToPointInTime: Operation<ExportTableToPointInTimeInput> = async (input, { region }) => {
    refuseWhatIsNotBuilt(input);
    const table = resolve(tables, input.TableArn!, region);
    const at = input.ExportTime === undefined ? undefined : new Date(input.ExportTime).getTime();
    const { ClientToken, S3Prefix, S3BucketOwner, S3SseAlgorithm } = input;
    const request = {
      bucket: input.S3Bucket!,
      exportTime: at ?? clock.now(),
      ...(S3Prefix !== undefined && { prefix: S3Prefix }),
      ...(S3BucketOwner !== undefined && { bucketOwner: S3BucketOwner }),
      ...(S3SseAlgorithm !== undefined && { sseAlgorithm: S3SseAlgorithm }),
      ...(ClientToken !== undefined && { clientToken: ClientToken }),
      fingerprint: fingerprintOf(input).toString('base64'),
    };
    return {
      ExportDescription: describe(
        await exports.create(table, request, () => restores.momentOf(table, at, 'export-time-invalid')),
      ),
    };
  };

  const DescribeExport: Operation<DescribeExportInput> = ({ ExportArn }) => ({
    ExportDescription: describe(exports.get(ExportArn!)),
  });

  const ListExports: Operation<ListExportsInput> = ({ TableArn, MaxResults, NextToken }, { region }) => {
    const { page, next } = pageOf(exports.list(region, TableArn), MaxResults, NextToken);
    return {
      ExportSummaries: page.map(({ arn, status }) => ({
        ExportArn: arn,
        ExportStatus: status,
        ExportType: 'FULL_EXPORT',
      })),
      ...next,
    };
  };

  return { ExportTableToPointInTime, DescribeExport, ListExports };
}

/** A page of exports or imports. */
export function pageOf<T extends { readonly arn: string }>(
  all: readonly T[],
  limit: number = HISTORY_LIMITS.jobsPerPage,
  token?: string,
): { readonly page: readonly T[]; readonly next: { readonly NextToken?: string } } {
  const start = token === undefined ? 0 : all.findIndex(({ arn }) => arn === token) + 1;
  if (token !== undefined && start === 0) throw invalid(`Invalid Request: Provided nextToken is invalid: ${token}`);
  const page = all.slice(start, start + limit);
  return { page, next: start + page.length < all.length ? { NextToken: page.at(-1)!.arn } : {} };
}

function refuseWhatIsNotBuilt(input: ExportTableToPointInTimeInput): void {
  const { ExportFormat, ExportType, S3SseAlgorithm, FilterSpecification } = input;
  if (FilterSpecification !== undefined) throw invalid('FilterSpecification is not built in Millrace');
  if (ExportFormat === 'ION') throw invalid('ExportFormat ION is not built in Millrace');
  if (ExportType === 'INCREMENTAL_EXPORT') throw invalid('ExportType INCREMENTAL_EXPORT is not built in Millrace');
  if (S3SseAlgorithm === 'KMS') throw invalid('S3SseAlgorithm KMS is not built in Millrace');
}

function describe(one: Export) {
  return {
    ExportArn: one.arn,
    ExportStatus: one.status,
    StartTime: new Date(one.startedAt),
    ...(one.endedAt !== undefined && { EndTime: new Date(one.endedAt) }),
    ...(one.manifest !== undefined && { ExportManifest: one.manifest }),
    TableArn: one.tableArn,
    TableId: one.tableId,
    ExportTime: new Date(one.exportTime),
    ...(one.clientToken !== undefined && { ClientToken: one.clientToken }),
    S3Bucket: one.bucket,
    ...(one.bucketOwner !== undefined && { S3BucketOwner: one.bucketOwner }),
    ...(one.prefix !== undefined && { S3Prefix: one.prefix }),
    S3SseAlgorithm: one.sseAlgorithm ?? 'AES256',
    ...(one.failure && { FailureCode: one.failure.code, FailureMessage: one.failure.message }),
    ExportFormat: 'DYNAMODB_JSON',
    BilledSizeBytes: one.billedBytes,
    ItemCount: one.itemCount,
    ExportType: 'FULL_EXPORT',
  };
}
