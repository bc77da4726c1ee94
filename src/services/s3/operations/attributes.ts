import type { ObjectInfo } from '../../../store/index.ts';
import type { Operation } from '../../index.ts';
import { checksumMembers, partChecksum } from '../checksums.ts';
import { s3Error } from '../errors.ts';
import { S3_LIMITS } from '../limits.ts';
import { storageClassOf, versionIdOf, wholeSeconds } from '../metadata.ts';
import type { Ground } from '../writing.ts';
import { headOf } from './objects.ts';

const ATTRIBUTES = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];

export function attributeOperations(ground: Ground): Record<string, Operation> {
  return {
    GetObjectAttributes: async (input) => {
      const asked: readonly string[] = input.ObjectAttributes ?? [];
      if (asked.length === 0 || asked.some((name) => !ATTRIBUTES.includes(name))) {
        const fields = { ArgumentName: 'x-amz-object-attributes', ArgumentValue: asked.join(',') };
        throw s3Error('argument-invalid', { message: 'Invalid attribute name specified.', fields });
      }
      const bucket = await ground.objects.bucket(input.Bucket);
      const info = await headOf(ground, input);
      const all: Record<string, unknown> = {
        ETag: info.etag,
        Checksum: info.checksum && checksumMembers(info.checksum),
        ObjectParts: info.parts && partsPage(info, input),
        StorageClass: storageClassOf(info),
        ObjectSize: info.sizeBytes,
      };
      return {
        ...Object.fromEntries(asked.map((name) => [name, all[name]])),
        LastModified: wholeSeconds(info.lastModified),
        VersionId: versionIdOf(info, bucket),
      };
    },
  };
}

/** S3 lists the parts of those only that were uploaded with checksums. */
function partsPage({ parts = [], checksum }: ObjectInfo, input: any) {
  if (!checksum) return { TotalPartsCount: parts.length };
  const marker = Number(input.PartNumberMarker ?? 0);
  const MaxParts = Math.min(input.MaxParts ?? S3_LIMITS.listMax, S3_LIMITS.listMax);
  const rest = parts.filter(({ part }) => part > marker);
  const page = rest.slice(0, MaxParts);
  return {
    TotalPartsCount: parts.length,
    PartNumberMarker: String(marker),
    NextPartNumberMarker: String(page.at(-1)?.part ?? 0),
    MaxParts,
    IsTruncated: rest.length > page.length,
    Parts: page.map(({ part, sizeBytes, checksum: own }) => ({
      PartNumber: part,
      Size: sizeBytes,
      ...partChecksum(checksum.algorithm, own),
    })),
  };
}
