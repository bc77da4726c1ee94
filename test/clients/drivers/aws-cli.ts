import type { Driver, NoDriver } from './driver.ts';
import { PythonDriver } from './python.ts';

/** Services that the aws CLI has under another name than AWS signs them with. */
const NAMES: Readonly<Record<string, string>> = { iotdata: 'iot-data', s3: 's3api', states: 'stepfunctions' };

/** Debian's aws CLI, version 2. */
export function openAwsCli(endpoint: string): Promise<Driver | NoDriver> {
  return PythonDriver.open('aws-cli-driver.py', endpoint, NAMES);
}
