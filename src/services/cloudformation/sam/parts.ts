/* What several serverless types have in common. */
import { asIntrinsic, isObject, type Json, type JsonObject } from '../template/value.ts';

/** Where a package is: `s3://bucket/key?versionId=...`, or the same in parts. @param fail  makes the error of the resource */
export function s3Location(
  property: string,
  uri: Json,
  parameters: Readonly<Record<string, Json>>,
  fail: (message: string) => Error,
): JsonObject {
  if (isObject(uri) && !asIntrinsic(uri)) {
    const { Bucket, Key, Version } = uri;
    if (Bucket === undefined || Key === undefined) {
      throw fail(`'${property}' requires Bucket and Key properties to be specified.`);
    }
    const location = { S3Bucket: Bucket, S3Key: Key, ...(Version !== undefined && { S3ObjectVersion: Version }) };
    return resolveRefs(location, parameters) as JsonObject;
  }
  const match = typeof uri === 'string' && /^s3:\/\/([^/]+)\/([^?]+)(?:\?versionId=(.+))?$/.exec(uri);
  if (!match) {
    throw fail(
      `'${property}' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.`,
    );
  }
  const [, S3Bucket, S3Key, version] = match;
  return { S3Bucket: S3Bucket!, S3Key: S3Key!, ...(version && { S3ObjectVersion: version }) };
}

/** Puts parameter values where `Ref` names them; other intrinsics stay. */
export function resolveRefs(value: Json, parameters: Readonly<Record<string, Json>>): Json {
  if (Array.isArray(value)) return value.map((item) => resolveRefs(item as Json, parameters));
  if (!isObject(value)) return value;
  const intrinsic = asIntrinsic(value);
  if (intrinsic?.name === 'Ref' && typeof intrinsic.argument === 'string') {
    return parameters[intrinsic.argument] ?? value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolveRefs(member, parameters)]));
}

/** Text as Python's `json.dumps(value, sort_keys=True, separators=(",", ":"))` writes it, which the hash is taken of. */
export function pythonJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item) => pythonJson(item as Json)).join(',')}]`;
  if (isObject(value)) {
    const members = Object.keys(value).sort();
    return `{${members.map((key) => `${pythonJson(key)}:${pythonJson(value[key]!)}`).join(',')}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
