import { hasCode } from '../../../base/index.ts';
import { invalidParameter, LambdaError } from '../errors.ts';
import { LAMBDA_LIMITS } from '../model.ts';

/** Where code comes from, in a request. */
export interface CodeInput {
  readonly ZipFile?: Uint8Array;
  readonly S3Bucket?: string;
  readonly S3Key?: string;
  readonly S3ObjectVersion?: string;
  readonly ImageUri?: string;
}

/** Reads an object of the node's own store, the newest version unless one is named. @throws DomainError when it is not there */
export type ReadObject = (bucket: string, key: string, versionId?: string) => Promise<AsyncIterable<Uint8Array>>;

/** The zip that a request brings or names. @throws invalid-parameter, request-too-large */
export async function zipOf(input: CodeInput, readObject: ReadObject): Promise<Uint8Array> {
  const { ZipFile, S3Bucket, S3Key, S3ObjectVersion } = input;
  if (ZipFile && (S3Bucket || S3Key)) {
    throw invalidParameter('Please do not provide other FunctionCode parameters when providing a ZipFile.');
  }
  if (ZipFile) {
    if (ZipFile.length > LAMBDA_LIMITS.zipBytesMax) {
      throw new LambdaError('request-too-large', `Request must be smaller than ${LAMBDA_LIMITS.zipBytesMax} bytes`);
    }
    return ZipFile;
  }
  if (!S3Bucket || !S3Key) throw invalidParameter('Please provide a source for function code.');
  const body = await readObject(S3Bucket, S3Key, S3ObjectVersion).catch((cause: unknown) => {
    const [code, what] = hasCode(cause, 'version-not-found') ? ['NoSuchVersion', 'version'] : ['NoSuchKey', 'key'];
    const message = `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: The specified ${what} does not exist.`;
    throw new LambdaError('invalid-parameter', message, { cause });
  });
  return collect(body);
}

/** The object, as long as it may be a package: what is longer is not read to its end. */
async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LAMBDA_LIMITS.zipFromStoreBytesMax) {
      throw invalidParameter(`The package is larger than ${LAMBDA_LIMITS.zipFromStoreBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
