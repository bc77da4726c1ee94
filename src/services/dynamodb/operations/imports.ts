import type { DescribeImportInput, ImportTableInput, ListImportsInput } from '@aws-sdk/client-dynamodb';
import type { Operation } from '../../index.ts';
import type { Import, Imports } from '../history/imports.ts';
import { pageOf } from './exports.ts';

/** Imports of new tables from buckets. */
export function importOperations(imports: Imports) {
  const ImportTable: Operation<ImportTableInput> = async (input, { region, caller }) => ({
    ImportTableDescription: describe(await imports.create(input, region, caller)),
  });

  const DescribeImport: Operation<DescribeImportInput> = ({ ImportArn }) => ({
    ImportTableDescription: describe(imports.get(ImportArn!)),
  });

  const ListImports: Operation<ListImportsInput> = ({ TableArn, PageSize, NextToken }, { region }) => {
    const { page, next } = pageOf(imports.list(region, TableArn), PageSize, NextToken);
    return {
      ImportSummaryList: page.map(({ arn, status, tableArn, input, startedAt, endedAt }) => ({
        ImportArn: arn,
        ImportStatus: status,
        TableArn: tableArn,
        S3BucketSource: input.S3BucketSource,
        InputFormat: input.InputFormat,
        StartTime: new Date(startedAt),
        ...(endedAt !== undefined && { EndTime: new Date(endedAt) }),
      })),
      ...next,
    };
  };

  return { ImportTable, DescribeImport, ListImports };
}

function describe(one: Import) {
  const { input, counts } = one;
  return {
    ImportArn: one.arn,
    ImportStatus: one.status,
    TableArn: one.tableArn,
    TableId: one.tableId,
    ...(input.ClientToken !== undefined && { ClientToken: input.ClientToken }),
    S3BucketSource: input.S3BucketSource,
    ErrorCount: counts.errors,
    InputFormat: input.InputFormat,
    ...(input.InputFormatOptions && { InputFormatOptions: input.InputFormatOptions }),
    InputCompressionType: input.InputCompressionType ?? 'NONE',
    TableCreationParameters: input.TableCreationParameters,
    StartTime: new Date(one.startedAt),
    ...(one.endedAt !== undefined && { EndTime: new Date(one.endedAt) }),
    ProcessedSizeBytes: counts.bytes,
    ProcessedItemCount: counts.processed,
    ImportedItemCount: counts.imported,
    ...(one.failure && { FailureCode: one.failure.code, FailureMessage: one.failure.message }),
  };
}
