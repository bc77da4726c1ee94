import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import * as s3 from '@aws-sdk/client-s3';
import { type Node, startNode } from '../../src/node/index.ts';

export const ROOT = { accessKeyId: 'AKIAROOTKEYOFBROWSER', secretAccessKey: 'root-secret-of-browsers-0001' };

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A node with a client of its own, and requests as browsers make them. */
export interface House extends AsyncDisposable {
  readonly node: Node;
  readonly client: s3.S3;
  /** @param path  as it is sent */
  ask(path: string, asking?: Asking): Promise<Answer>;
}

export async function openHouse(mode: 'dev' | 'secured'): Promise<House> {
  const scope = new AsyncDisposableStack();
  const dataDirectory = await mkdtemp(join(tmpdir(), 'millrace-browsers-'));
  scope.defer(() => rm(dataDirectory, { recursive: true }));
  const node = scope.use(
    await startNode({
      ...{ dataDirectory, host: '127.0.0.1', httpPort: 0, mqttPort: 0, mode },
      ...{ rootCredentials: ROOT, logLevel: 'error', blankEnvironments: 0 },
    }),
  );
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: ROOT, forcePathStyle: true };
  const client = scope.adopt(new s3.S3(options), (one) => one.destroy());
  const { port } = new URL(node.endpoint);
  return {
    node,
    client,
    ask: (path, { method = 'GET', host = '127.0.0.1', headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const sent = request(
          { host: '127.0.0.1', port, path, method, headers: { ...headers, host: `${host}:${port}` }, agent: false },
          (response) => {
            buffer(response).then(
              (bytes) =>
                resolve({ status: response.statusCode!, headers: response.headers, body: bytes.toString('utf8') }),
              reject,
            );
          },
        );
        // A server that has said no reads no further.
        sent.on('error', (error) => reject(error));
        sent.end(body);
      }),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
