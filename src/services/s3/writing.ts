/* What every new object is made with, whichever operation makes it. */
import { ACCOUNT_ID, type Clock } from '../../base/index.ts';
import type { ChangeCause, Objects, PutOptions, Tags, WriteConditions } from '../../store/index.ts';
import type { OperationContext } from '../index.ts';
import { unquoted } from './conditions.ts';
import { checkEncryption, customerKeyOf, refusesCustomerKeys } from './encryption.ts';
import { s3Error } from './errors.ts';
import { lockOf } from './locks.ts';
import { checkedAcl } from './operations/access.ts';
import type { Settings } from './settings.ts';
import { parseTagging } from './tags.ts';

/** What operations on objects stand on. */
export interface Ground {
  readonly objects: Objects;
  readonly settings: Settings;
  readonly clock: Clock;
}

/** Parts of the options of a new object that no operation has its own way with. */
export type Common = Pick<PutOptions, 'tags' | 'retention' | 'legalHold' | 'acl' | 'customerKey'>;

/** @throws DomainError of S3 for what the request may not ask for */
export function commonOptions({ settings, clock }: Ground, input: any, { caller }: OperationContext): Common {
  const { Bucket } = input;
  checkEncryption(input);
  const key = customerKeyOf(input);
  if (key.customerKey && refusesCustomerKeys(settings.peek(Bucket, 'encryption'))) throw s3Error('access-denied');
  const grants = checkedAcl(settings, Bucket, input, 's3:PutObject', caller);
  return {
    ...tagsOption(parseTagging(input.Tagging)),
    ...lockOf(input, settings, Bucket, clock.now()),
    ...(grants && { acl: JSON.stringify(grants) }),
    ...key,
  };
}

export function tagsOption(tags: Tags): { readonly tags?: Tags } {
  return Object.keys(tags).length > 0 ? { tags } : {};
}

/** @throws DomainError `not-built` for values that S3 has no answer to either */
export function writeConditions({ IfMatch, IfNoneMatch }: { IfMatch?: string; IfNoneMatch?: string }): WriteConditions {
  if (IfNoneMatch !== undefined && IfNoneMatch !== '*') {
    throw s3Error('not-built', {
      message: 'A header you provided implies functionality that is not implemented',
      fields: { Header: 'If-None-Match' },
    });
  }
  return {
    ...(IfNoneMatch === '*' && { ifNoneMatch: '*' as const }),
    ...(IfMatch !== undefined && { ifMatch: unquoted(IfMatch) }),
  };
}

export function causeOf(
  { requestId, caller, sourceIp }: OperationContext,
  origin?: ChangeCause['origin'],
): ChangeCause {
  const id = caller.session?.userId ?? caller.accessKeyId ?? ACCOUNT_ID;
  return {
    requestId,
    principalId: `AWS:${id}`,
    ...(sourceIp !== undefined && { sourceIp }),
    ...(origin && { origin }),
  };
}
