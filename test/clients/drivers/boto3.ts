import type { Driver, NoDriver } from './driver.ts';
import { PythonDriver } from './python.ts';

/** Services that boto3 has under another name than AWS signs them with. */
const NAMES: Readonly<Record<string, string>> = { iotdata: 'iot-data', states: 'stepfunctions' };

/** Debian's boto3. */
export function openBoto3(endpoint: string): Promise<Driver | NoDriver> {
  return PythonDriver.open('boto3-driver.py', endpoint, NAMES);
}
