import { parseArn } from '../../../base/index.ts';
import { DynamodbError } from '../errors.ts';
import type { LiveTable } from '../tables/live-table.ts';
import type { Tables } from '../tables/tables.ts';
import { wrong } from '../tables/validation.ts';

/** A table by the ARN of it or of one of its streams, as `ResourceArn` takes them. @throws DynamodbError `validation-failed`, `resource-not-found` */
export function tableOfResource(tables: Tables, arn: string): LiveTable {
  return resourceOf(tables, arn).table;
}

/** The same, and the stream if it is one's ARN. */
export function resourceOf(tables: Tables, arn: string): { readonly table: LiveTable; readonly stream?: string } {
  if (!arn.startsWith('arn:')) throw wrong(`ARNs must start with 'arn:': ${arn}`);
  const parsed = parseArn(arn);
  const match = /^table\/([a-zA-Z0-9_.-]+)(\/stream\/.+)?$/.exec(parsed?.resource ?? '');
  if (parsed?.service !== 'dynamodb') throw wrong(`Provided Arn is not a DynamoDB resource arn: ${arn}`);
  if (!match) {
    throw wrong(`Invalid resource arn provided, only table or stream is accepted. Provided resource arn: ${arn}`);
  }
  const table = tables.find(match[1]!, parsed.region);
  const streamArn = match[2] === undefined ? undefined : arn;
  if (!table || (streamArn !== undefined && table.definition.stream?.arn !== streamArn)) {
    throw new DynamodbError('resource-not-found', `Requested resource not found: ResourcArn: ${arn} not found`);
  }
  return { table, ...(streamArn !== undefined && { stream: streamArn }) };
}
