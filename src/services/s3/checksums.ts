/*
 * Checksums of requests and answers. A client gives one in a header before the body, in a trailer behind it, or only names the algorithm that
 * it wants.
 *
 * @see Amazon S3 user guide, "Checking object integrity for data uploads"
 */
import type { BodyChecks, ChecksumAlgorithm, ChecksumType, ObjectInfo } from '../../store/index.ts';
import type { StreamedBody } from '../index.ts';
import { s3Error } from './errors.ts';

type GivenChecksum = NonNullable<BodyChecks['checksum']>;

const BYTES: Readonly<Record<ChecksumAlgorithm, number>> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };
const ALGORITHMS = Object.keys(BYTES) as readonly ChecksumAlgorithm[];

/** What S3's model knows and is not built here. */
const NOT_BUILT = ['SHA512', 'MD5', 'XXHASH64', 'XXHASH3', 'XXHASH128'];

const TRAILER = 'x-amz-checksum-';

/** A request that may come with a checksum. */
export interface ChecksumInput {
  readonly ChecksumAlgorithm?: string;
  readonly [member: string]: unknown;
}

/**
 * The checksum that a body must have, by its headers or the trailers that they announce.
 * @throws DomainError `request-invalid`, `not-built`
 */
export function checksumOf(input: ChecksumInput, body?: Partial<StreamedBody>): GivenChecksum | undefined {
  const given = givenChecksum(input);
  if (given) return given;
  const { trailerNames = [], trailers } = body ?? {};
  const names = trailerNames.filter((name) => name.startsWith(TRAILER));
  if (names.length > 1) throw moreThanOne();
  const [name] = names;
  if (name !== undefined) {
    const algorithm = algorithmNamed(name.slice(TRAILER.length).toUpperCase());
    return { algorithm, value: () => trailerValue(trailers, name, algorithm) };
  }
  if (input.ChecksumAlgorithm === undefined) return undefined;
  return { algorithm: algorithmNamed(input.ChecksumAlgorithm) };
}

/** The one in the headers of a request, or the members of a part. */
export function givenChecksum(
  input: ChecksumInput,
): { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined {
  for (const name of NOT_BUILT) if (input[`Checksum${name}`] !== undefined) throw notBuilt(name);
  const given = ALGORITHMS.filter((algorithm) => input[`Checksum${algorithm}`] !== undefined);
  if (given.length > 1) throw moreThanOne();
  const [algorithm] = given;
  if (algorithm === undefined) return undefined;
  const value = String(input[`Checksum${algorithm}`]);
  // Composite ones end with the count of parts.
  checkValue(value.replace(/-\d+$/, ''), algorithm);
  return { algorithm, value };
}

/** @throws DomainError `request-invalid`, `not-built` */
export function algorithmNamed(name: string): ChecksumAlgorithm {
  if ((ALGORITHMS as readonly string[]).includes(name)) return name as ChecksumAlgorithm;
  if (NOT_BUILT.includes(name)) throw notBuilt(name);
  throw s3Error('request-invalid', {
    message:
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
  });
}

/**
 * How an upload in parts is summed up.
 * @throws DomainError `request-invalid`, `not-built`
 */
export function uploadChecksum(
  name: string | undefined,
  type: string | undefined,
): { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined {
  if (name === undefined) {
    if (type === undefined) return undefined;
    throw s3Error('request-invalid', {
      message: 'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    });
  }
  const algorithm = algorithmNamed(name);
  const standard = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
  const wanted = type ?? standard;
  const isSha = algorithm === 'SHA1' || algorithm === 'SHA256';
  const fits = wanted === 'FULL_OBJECT' ? !isSha : wanted === 'COMPOSITE' && algorithm !== 'CRC64NVME';
  if (fits) return { algorithm, type: wanted as ChecksumType };
  const message = `The ${wanted} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`;
  throw s3Error('request-invalid', { message });
}

/** Members of an answer that tell a checksum. */
export function checksumMembers(checksum: Pick<ObjectInfo, 'checksum'>['checksum']): Record<string, string> {
  if (!checksum) return {};
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}

/** Of a part, which has no type. */
export function partChecksum(
  algorithm: ChecksumAlgorithm | undefined,
  value: string | undefined,
): Record<string, string> {
  return algorithm === undefined || value === undefined ? {} : { [`Checksum${algorithm}`]: value };
}

function trailerValue(
  trailers: ReadonlyMap<string, string> | undefined,
  name: string,
  algorithm: ChecksumAlgorithm,
): string {
  const value = trailers?.get(name);
  if (value === undefined) throw s3Error('trailer-malformed');
  checkValue(value, algorithm);
  return value;
}

function checkValue(value: string, algorithm: ChecksumAlgorithm): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === BYTES[algorithm] && bytes.toString('base64') === value) return;
  throw s3Error('request-invalid', {
    message: `Value for x-amz-checksum-${algorithm.toLowerCase()} header is invalid.`,
  });
}

function moreThanOne() {
  return s3Error('request-invalid', {
    message: 'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
  });
}

function notBuilt(name: string) {
  return s3Error('not-built', {
    message: `The checksum algorithm ${name} is not built in Millrace; ${ALGORITHMS.join(', ')} are`,
  });
}
