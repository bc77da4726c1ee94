import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SigningKeys } from '../codec/aws/index.ts';
import { CommandError, EXIT } from './command.ts';
import { isLoopback } from './configuration.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What a `dev` node takes from anybody. */
const DEVELOPMENT: SigningKeys = { accessKeyId: 'test', secretAccessKey: 'test' };

/**
 * Keys for calls: environment, then the profile in `~/.aws/credentials`, then, for a node on this machine, `test`.
 *
 * @throws CommandError  when there are none for a node elsewhere
 */
export async function findCredentials(env: Env, endpoint: URL): Promise<SigningKeys> {
  const found = fromEnvironment(env) ?? (await fromFile(env));
  if (found) return found;
  if (isLoopback(endpoint.hostname)) return DEVELOPMENT;
  throw new CommandError(
    `no credentials for ${endpoint.origin}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add a profile to ~/.aws/credentials`,
    { exitCode: EXIT.usage },
  );
}

function fromEnvironment(env: Env): SigningKeys | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: token } = env;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(token && { sessionToken: token }) };
}

async function fromFile(env: Env): Promise<SigningKeys | undefined> {
  const file = env.AWS_SHARED_CREDENTIALS_FILE ?? join(homedir(), '.aws', 'credentials');
  const text = await readFile(file, 'utf8').catch(() => '');
  return readProfile(text, env.AWS_PROFILE ?? 'default');
}

/** One profile of a credentials file. */
export function readProfile(text: string, profile: string): SigningKeys | undefined {
  const values: Record<string, string> = {};
  let inside = false;
  for (const line of text.split('\n')) {
    const section = /^\s*\[([^\]]+)\]\s*$/.exec(line);
    if (section) inside = section[1]!.trim() === profile;
    const pair = inside && /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/.exec(line);
    if (pair) values[pair[1]!] = pair[2]!;
  }
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey, aws_session_token: token } = values;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(token && { sessionToken: token }) };
}
