import { type DomainError, hasCode } from '../../../base/index.ts';
import type { ChangeCause, DeleteOptions, Objects } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { unquoted } from '../conditions.ts';
import { S3_ANSWERS, s3Error, translate } from '../errors.ts';
import { S3_LIMITS } from '../limits.ts';
import { causeOf, type Ground } from '../writing.ts';
import { versionOf } from './objects.ts';

/** One of the objects that DeleteObjects names. */
interface Named {
  readonly Key: string;
  readonly VersionId?: string;
  readonly ETag?: string;
  readonly LastModifiedTime?: Date;
  readonly Size?: number;
}

/** Objects and versions are deleted. */
export function deletionOperations({ objects }: Ground): Record<string, Operation> {
  return {
    DeleteObject: async (input, context) => {
      const { Bucket, Key, IfMatch, IfMatchLastModifiedTime, IfMatchSize } = input;
      checkBuilt(input.MFA, IfMatchLastModifiedTime ?? IfMatchSize);
      const { deleteMarker, versionId } = await objects.delete(Bucket, Key, {
        ...versionOf(input),
        ...(IfMatch !== undefined && { ifMatch: unquoted(IfMatch) }),
        bypassGovernance: input.BypassGovernanceRetention === true,
        cause: causeOf(context),
      });
      return { VersionId: versionId, ...(deleteMarker && { DeleteMarker: true }) };
    },

    DeleteObjects: async (input, context) => {
      const { Bucket, Delete } = input;
      const named: readonly Named[] = Delete?.Objects ?? [];
      if (named.length === 0 || named.length > S3_LIMITS.deleteKeysMax) throw s3Error('malformed');
      if (named.some(({ Key }) => !Key)) throw s3Error('malformed');
      checkBuilt(
        input.MFA,
        named.find(({ LastModifiedTime, Size }) => LastModifiedTime ?? Size),
      );
      const bypassGovernance = input.BypassGovernanceRetention === true;
      const cause = causeOf(context);
      const options = { bypassGovernance, cause };
      // Versions of one key follow each other: side by side each would be tried again after every other.
      const turns = new Map<string, Promise<Outcome>>();
      const outcomes = await Promise.all(
        named.map((one, entry): Outcome | Promise<Outcome> => {
          const refused = context.refusedEntries?.get(entry)?.message;
          if (refused !== undefined) return refusalOf(one, refused);
          const before = turns.get(one.Key) ?? Promise.resolve();
          const turn = before.then(() => deleteOne(objects, Bucket, one, options));
          turns.set(one.Key, turn);
          return turn;
        }),
      );
      const errors = outcomes.flatMap(({ error }) => error ?? []);
      const deleted = outcomes.flatMap((outcome) => outcome.deleted ?? []);
      return { ...(!Delete.Quiet && { Deleted: deleted }), ...(errors.length > 0 && { Errors: errors }) };
    },
  };
}

interface Outcome {
  readonly deleted?: object;
  readonly error?: object;
}

async function deleteOne(
  objects: Objects,
  bucket: string,
  { Key, VersionId, ETag }: Named,
  options: { readonly bypassGovernance: boolean; readonly cause: ChangeCause },
): Promise<Outcome> {
  const which = whichOf({ Key, VersionId });
  const wanted: DeleteOptions = {
    ...options,
    ...versionOf(which),
    ...(ETag !== undefined && { ifMatch: unquoted(ETag) }),
  };
  try {
    const { deleteMarker, versionId } = await objects.delete(bucket, Key, wanted);
    const marker = deleteMarker && { DeleteMarker: true, DeleteMarkerVersionId: versionId };
    return { deleted: { ...which, ...marker } };
  } catch (error) {
    if (hasCode(error, 'bucket-not-found')) throw error;
    const { code, message } = translate(error, { Bucket: bucket, Key }) as DomainError<keyof typeof S3_ANSWERS>;
    return { error: { ...which, Code: S3_ANSWERS[code]?.type ?? 'InternalError', Message: message } };
  }
}

function refusalOf(named: Named, message: string): Outcome {
  return { error: { ...whichOf(named), Code: S3_ANSWERS['access-denied'].type, Message: message } };
}

function whichOf({ Key, VersionId }: Pick<Named, 'Key'> & { readonly VersionId?: string | undefined }) {
  return { Key, ...(VersionId !== undefined && { VersionId }) };
}

/** What would be checked by S3 is not passed over. */
function checkBuilt(mfa: unknown, condition: unknown): void {
  if (mfa !== undefined) throw s3Error('not-built', { message: 'MFA delete is not built in Millrace' });
  refuseDirectoryCondition(condition);
}

/** @throws DomainError `not-built` */
export function refuseDirectoryCondition(condition: unknown): void {
  if (condition === undefined) return;
  const message = 'Conditions of time and size are of directory buckets, which Millrace has none of';
  throw s3Error('not-built', { message });
}
