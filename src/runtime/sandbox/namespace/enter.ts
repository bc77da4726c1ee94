import { spawn } from 'node:child_process';

/** Longest complaint of a program that is passed on. */
const COMPLAINT_LENGTH_MAX = 500;

/**
 * Runs a program of the machine in namespaces of a sandbox, with the rights of who made them: nobody inside has those.
 *
 * @param target  a process of the sandbox; @param namespaces  as nsenter(1) names them: `--net`
 * @throws Error  it could not be run or failed, in its own words
 */
export async function enter(
  target: number,
  namespaces: readonly string[],
  command: readonly string[],
  input = '',
): Promise<void> {
  // Root has all rights over namespaces that it made; another user has them only inside.
  const user = process.getuid!() === 0 ? [] : ['--user', '--preserve-credentials'];
  const argv = ['--target', String(target), ...user, ...namespaces, '--', ...command];
  const child = spawn('nsenter', argv, { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.on('error', () => {}).end(input);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(0, COMPLAINT_LENGTH_MAX);
  });
  const status = await new Promise<unknown>((resolve) => child.once('error', resolve).once('close', resolve));
  if (status === 0) return;
  const why = status instanceof Error ? status.message : said.trim() || `it ended with ${String(status)}`;
  throw new Error(`${command[0]}: ${why}`);
}
