import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { IoTClient } from '@aws-sdk/client-iot';
import { devNode } from '../support/in-process.ts';

/** A node of its own and the clients for stacks of the device cloud. */
export interface IotStage extends AsyncDisposable {
  readonly endpoint: string;
  readonly cloudFormation: CloudFormationClient;
  readonly iot: IoTClient;
}

export async function openIotStage(): Promise<IotStage> {
  await using scope = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-iot-stack-'));
  scope.defer(() => rm(directory, { recursive: true }));
  const node = scope.use(await devNode(directory));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: node.endpoint, region: 'us-east-1', credentials };
  const cloudFormation = new CloudFormationClient(options);
  const iot = new IoTClient(options);
  scope.defer(() => {
    for (const client of [cloudFormation, iot]) client.destroy();
  });
  const owned = scope.move();
  return { endpoint: node.endpoint, cloudFormation, iot, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
