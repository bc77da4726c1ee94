import { generateKeyPairSync } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../base/index.ts';
import { encodeName, encodePem, makeRequest } from '../../codec/x509/index.ts';
import { CommandError } from '../command.ts';
import { makePrivateDirectory } from '../private-directory.ts';

/** Names of things are names of files too: AWS takes no others. */
const NAME = /^[a-zA-Z0-9_-][a-zA-Z0-9:_-]{0,127}$/;

/** A key made here, and the request for its certificate. */
export interface NewKey {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** PKCS #10, PEM. */
  readonly request: string;
}

/** Makes a key of P-256; it never leaves this machine. */
export async function makeKey(name: string): Promise<NewKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = await makeRequest(encodeName(['CN', name.slice(0, 64)]), publicKey, privateKey);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    request: encodePem('CERTIFICATE REQUEST', request),
  };
}

/** Where a device's files are. */
export interface DeviceFiles {
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
}

/** @throws CommandError  no name for a device */
export function filesOf(name: string, directory: string): DeviceFiles {
  if (!NAME.test(name)) {
    throw new CommandError(`"${name}" is no name for a device: 1 to 128 letters, digits, _ - and :, not : at first`);
  }
  return {
    key: join(directory, `${name}.key`),
    certificate: join(directory, `${name}.crt`),
    authority: join(directory, 'ca.crt'),
  };
}

/** Opens the place of a key for this user alone, before a certificate is asked for. @throws CommandError  there is one already */
export async function reserveKey({ key }: DeviceFiles, directory: string, pem: string): Promise<void> {
  await makePrivateDirectory(directory);
  try {
    await writeFile(key, pem, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw new CommandError(
      `${key} is there already: "millrace devices rotate" makes a new key, --out writes elsewhere`,
    );
  }
}

/** Replaces a file whole, or leaves it as it is. */
export async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
