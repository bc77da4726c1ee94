/*
 * Events as S3 writes them.
 *
 * @see Amazon S3 user guide, "Event message structure"
 */
import { hash } from 'node:crypto';
import { ACCOUNT_ID } from '../../../base/index.ts';
import type { ObjectChange } from '../../../store/index.ts';

/** Who acts where nobody has called. */
const S3 = 's3.amazonaws.com';

/** Etag of nothing, which delete markers are told with. */
const EMPTY_ETAG = 'd41d8cd98f00b204e9800998ecf8427e';

/** @returns JSON text of one record */
export function eventMessage(change: ObjectChange, configurationId: string, region: string): string {
  const { type, bucket, at, cause = {} } = change;
  const isOurs = cause.origin === 'lifecycle';
  const requestId = cause.requestId ?? change.sequencer;
  const record = {
    eventVersion: versionOf(type),
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: new Date(at).toISOString(),
    eventName: type,
    userIdentity: { principalId: isOurs ? S3 : (cause.principalId ?? `AWS:${ACCOUNT_ID}`) },
    requestParameters: { sourceIPAddress: isOurs ? S3 : (cause.sourceIp ?? '127.0.0.1') },
    responseElements: { 'x-amz-request-id': requestId, 'x-amz-id-2': hostIdOf(requestId) },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId,
      bucket: { name: bucket, ownerIdentity: { principalId: ACCOUNT_ID }, arn: `arn:aws:s3:::${bucket}` },
      object: objectOf(change),
    },
  };
  return JSON.stringify({ Records: [record] });
}

function objectOf({ type, key, sizeBytes, etag, versionId, sequencer }: ObjectChange): object {
  const eTag = type.endsWith(':DeleteMarkerCreated') ? EMPTY_ETAG : etag;
  return {
    key: formEncoded(key),
    ...(sizeBytes !== undefined && { size: sizeBytes }),
    ...(eTag !== undefined && { eTag }),
    ...(versionId !== undefined && { versionId }),
    sequencer,
  };
}

/** Members came with the versions, and each event has kept the one that it came with. */
function versionOf(type: ObjectChange['type']): string {
  return /^(?:Lifecycle|ObjectAcl|ObjectTagging)/.test(type) ? '2.3' : '2.1';
}

/** Sent to a queue or a topic when it becomes a destination. */
export function testMessage(bucket: string, requestId: string, at: number): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: new Date(at).toISOString(),
    Bucket: bucket,
    RequestId: requestId,
    HostId: hostIdOf(requestId),
  });
}

/** As in a form: functions decode it with `unquote_plus`. Slashes stay. */
export function formEncoded(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/');
}

/** The second id that S3 gives every answer: opaque. */
function hostIdOf(requestId: string): string {
  return hash('sha512', requestId, 'base64');
}
