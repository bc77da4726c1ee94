import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APIGatewayClient } from '@aws-sdk/client-api-gateway';
import { ApiGatewayV2Client } from '@aws-sdk/client-apigatewayv2';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type Node, type NodeConfig, startNode } from '../../src/node/index.ts';
import { zipOf } from '../support/clients.ts';

export const CREDENTIALS = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' };

/** A node with clients for it. */
export interface House extends AsyncDisposable {
  readonly node: Node;
  readonly lambda: LambdaClient;
  readonly v1: APIGatewayClient;
  readonly v2: ApiGatewayV2Client;
  /** Makes a function of this code. @returns its ARN */
  makeFunction(name: string, code: string): Promise<string>;
}

/** @param more  settings of the node */
export async function openHouse(more: Partial<NodeConfig> = {}): Promise<House> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-apis-'));
  const node = await startNode({
    ...{ mode: 'dev', dataDirectory: directory, host: '127.0.0.1', httpPort: 0, mqttPort: 0, logLevel: 'error' },
    ...more,
  });
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials: CREDENTIALS, maxAttempts: 1 };
  const lambda = new LambdaClient(options);
  return {
    node,
    lambda,
    v1: new APIGatewayClient(options),
    v2: new ApiGatewayV2Client(options),
    makeFunction: async (FunctionName, code) => {
      const Code = { ZipFile: await zipOf({ 'index.js': code }) };
      const Role = 'arn:aws:iam::000000000000:role/r';
      const about = { FunctionName, Runtime: 'nodejs24.x', Role, Handler: 'index.handler', MemorySize: 256 } as const;
      const { FunctionArn } = await lambda.send(new CreateFunctionCommand({ ...about, Code }));
      return FunctionArn!;
    },
    [Symbol.asyncDispose]: async () => {
      await node[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly bytes: Buffer;
  /** The body as JSON. */
  json(): any;
}

/** Calls an API by its host, which not every machine resolves. @param path  as it is to be sent */
export async function call(
  address: string,
  path: string,
  options: RequestOptions = {},
  body?: string | Buffer,
): Promise<Answer> {
  const url = new URL(address);
  const headers = { host: url.host, ...(options.headers as object) };
  const request = httpRequest({ host: '127.0.0.1', port: url.port, path, ...options, headers });
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const bytes = Buffer.concat(await response.toArray());
  const { statusCode, rawHeaders } = response;
  const text = bytes.toString();
  return {
    ...{ status: statusCode!, headers: response.headers, rawHeaders, body: text, bytes },
    json: () => JSON.parse(text),
  };
}

/** Answers with the event it got. */
export const ECHO = `exports.handler = async (event) => ({ statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) });`;
