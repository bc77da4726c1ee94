import type { ObjectInfo, PutOptions } from '../../../store/index.ts';
import type { Operation, OperationContext } from '../../index.ts';
import { algorithmNamed, checksumMembers } from '../checksums.ts';
import { checkSourceConditions, checkSourceSize, copySourceOf } from '../copy-source.ts';
import { encryptionMembers } from '../encryption.ts';
import { s3Error } from '../errors.ts';
import { expirationMember } from '../lifecycle.ts';
import { copiedMetadata, quoted, toStored, versionIdOf, wholeSeconds } from '../metadata.ts';
import { causeOf, commonOptions, type Ground, writeConditions } from '../writing.ts';

/** Objects are made of others. */
export function copyOperations(ground: Ground): Record<string, Operation> {
  const { objects } = ground;
  return {
    CopyObject: async (input, context) => {
      const { Bucket, Key } = input;
      const source = copySourceOf(input);
      const [bucket, from] = await Promise.all([objects.bucket(Bucket), objects.bucket(source.bucket)]);
      if (source.bucket === Bucket && source.key === Key && source.versionId === undefined) checkChanges(input);
      const options = copyOptions(ground, input, context);
      const copy = await objects.copy(source, Bucket, Key, options);
      const { info } = copy;
      return {
        CopyObjectResult: {
          ETag: quoted(info.etag),
          LastModified: wholeSeconds(info.lastModified),
          ...checksumMembers(info.checksum),
        },
        CopySourceVersionId: versionIdOf(copy.source, from),
        VersionId: versionIdOf(info, bucket),
        ...encryptionMembers(input, info.customerKey),
        ...expirationMember(ground.settings.peek(Bucket, 'lifecycle'), info),
      };
    },
  };
}

/** What a copy is made with: what the request gives, and what it leaves to the source. */
function copyOptions(ground: Ground, input: any, context: OperationContext): (source: ObjectInfo) => PutOptions {
  const replaces = isReplacing(input.MetadataDirective);
  const replacesTags = isReplacing(input.TaggingDirective);
  if (!replacesTags && input.Tagging !== undefined) {
    throw s3Error('argument-invalid', {
      message: 'The tagging header may only be given with the tagging directive REPLACE',
      fields: { ArgumentName: 'x-amz-tagging', ArgumentValue: input.Tagging },
    });
  }
  const own = commonOptions(ground, input, context);
  const conditions = writeConditions(input);
  const wanted = input.ChecksumAlgorithm === undefined ? undefined : algorithmNamed(input.ChecksumAlgorithm);
  return (source) => {
    checkSourceConditions(source, input);
    checkSourceSize(source.sizeBytes);
    const algorithm = wanted ?? source.checksum?.algorithm;
    return {
      metadata: replaces ? toStored(input) : copiedMetadata(source, input),
      ...(!replacesTags && { tags: source.tags }),
      ...own,
      ...conditions,
      ...(algorithm && { checksum: { algorithm } }),
      cause: causeOf(context, 'copy'),
    };
  };
}

function isReplacing(directive: string | undefined): boolean {
  if (directive === undefined || directive === 'COPY' || directive === 'REPLACE') return directive === 'REPLACE';
  throw s3Error('argument-invalid', { message: 'Unknown directive.', fields: { ArgumentValue: directive } });
}

/** Members that make a copy onto itself more than nothing. */
const CHANGES = ['StorageClass', 'WebsiteRedirectLocation', 'ServerSideEncryption', 'SSECustomerKey'];

function checkChanges(input: any): void {
  if (input.MetadataDirective === 'REPLACE' || CHANGES.some((member) => input[member] !== undefined)) return;
  throw s3Error('copy-onto-itself');
}
