/**
 * Uploads pictures and waits until the API knows them all.
 *
 *     node examples/image-pipeline/upload.ts [ENDPOINT] FOLDER
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiGatewayV2 } from '@aws-sdk/client-apigatewayv2';
import { CloudFormation } from '@aws-sdk/client-cloudformation';
import { S3 } from '@aws-sdk/client-s3';

const PATIENCE_MS = 60_000;

interface Row {
  readonly id: string;
  readonly status: string;
  readonly bytes: number;
  readonly width?: number;
  readonly height?: number;
  readonly camera?: Readonly<Record<string, string>>;
  readonly thumbnailPath: string;
}

const [folder, endpoint = 'http://127.0.0.1:4566'] = process.argv.slice(2).reverse();
if (folder === undefined) throw new Error('which folder are the pictures in?');
const options = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'me', secretAccessKey: 'me' } };

const { Stacks } = await new CloudFormation(options).describeStacks({ StackName: 'image-pipeline-dev' });
const outputs = Object.fromEntries((Stacks?.[0]?.Outputs ?? []).map((one) => [one.OutputKey, one.OutputValue]));
const api = await new ApiGatewayV2(options).getApi({ ApiId: outputs.HttpApiId });

/** Names under `localhost` are this machine, which not every resolver knows: the path leads to the same API. */
const isLocal = new URL(api.ApiEndpoint!).hostname.endsWith('.localhost');
const base = isLocal ? `${endpoint}/_execute-api/${api.ApiId}` : api.ApiEndpoint!;

const s3 = new S3({ ...options, forcePathStyle: true });
const pictures = (await readdir(folder)).filter((name) => name.endsWith('.jpg')).sort();
const before = performance.now();
await Promise.all(pictures.map(async (name) => upload(name, await readFile(join(folder, name)))));
// What is no picture gets a row that says so; what has another suffix is nobody's.
await upload('torn.jpg', (await readFile(join(folder, pictures[0]!))).subarray(0, 500));
await upload('notes.txt', Buffer.from('nothing to see'));
const uploaded = performance.now();
console.log(`${pictures.length} pictures uploaded in ${Math.round(uploaded - before)} ms`);

function upload(Key: string, Body: Uint8Array) {
  return s3.putObject({ Bucket: outputs.UploadsBucket!, Key, Body });
}

let rows: readonly Row[] = [];
while (rows.length < pictures.length + 1) {
  if (performance.now() - uploaded > PATIENCE_MS) throw new Error(`the API knows only ${rows.length} pictures`);
  await sleep(20);
  rows = ((await (await get('/images')).json()) as { images: Row[] }).images;
}
console.log(`the API knows them all ${Math.round(performance.now() - uploaded)} ms later\n`);

async function get(path: string): Promise<Response> {
  const response = await fetch(base + path);
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
  return response;
}

console.log('picture             as uploaded             thumbnail');
for (const { id, status, width, height, bytes, thumbnailPath } of rows) {
  if (status === 'ready') {
    const thumbnail = await get(`/${thumbnailPath}`);
    const size = (await thumbnail.bytes()).length;
    const type = thumbnail.headers.get('content-type');
    console.log(
      `${id.padEnd(18)}  ${`${width} x ${height}`.padEnd(11)} ${kilobytes(bytes)}   ${type} ${kilobytes(size)}`,
    );
  } else console.log(`${id.padEnd(18)}  ${status}`);
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`.padStart(9);
}

const first = encodeURIComponent(rows[0]!.id === 'torn' ? rows[1]!.id : rows[0]!.id);
console.log(`\nall of them:   open ${api.ApiEndpoint}/`);
console.log(`one picture:   curl ${api.ApiEndpoint}/images/${first}`);
console.log(`its thumbnail: open ${api.ApiEndpoint}/images/${first}/thumbnail`);
console.log(`the console:   open ${endpoint}/_millrace/console`);
