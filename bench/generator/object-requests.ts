/** Requests to S3 as bytes, signed in advance with SigV4 over `UNSIGNED-PAYLOAD`, as SDKs send them where TLS guards the body. */
import { createHash, createHmac } from 'node:crypto';
import { KEY } from './table-requests.ts';

export const BUCKET = 'bench';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

export interface ObjectRequest {
  readonly host: string;
  readonly method: 'GET' | 'PUT';
  /** Percent-encoded. */
  readonly path: string;
  /** In its canonical order. */
  readonly query?: string;
  /** Of the body that will follow the head. */
  readonly bodyBytes?: number;
  /** `x-amz-checksum-crc32` of the body. */
  readonly crc32?: string;
}

/** The head of a request; a signature is good for five minutes. */
export function signedHead({ host, method, path, query = '', bodyBytes = 0, crc32 }: ObjectRequest): Buffer {
  const at = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const headers: [string, string][] = [
    ['host', host],
    ...(crc32 === undefined ? [] : [['x-amz-checksum-crc32', crc32] as [string, string]]),
    ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
    ['x-amz-date', at],
  ];
  const names = headers.map(([name]) => name).join(';');
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  const canonical = `${method}\n${path}\n${query}\n${lines}\n${names}\nUNSIGNED-PAYLOAD`;
  const scope = `${at.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const key = scope.split('/').reduce<string | Buffer>(mac, `AWS4${KEY.secret}`) as Buffer;
  const signature = mac(key, `AWS4-HMAC-SHA256\n${at}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${KEY.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const sent = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const target = query === '' ? path : `${path}?${query}`;
  return Buffer.from(
    `${method} ${target} HTTP/1.1\r\n${sent}authorization: ${authorization}\r\ncontent-length: ${bodyBytes}\r\n\r\n`,
  );
}
