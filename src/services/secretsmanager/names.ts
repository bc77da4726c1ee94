import { ACCOUNT_ID, formatArn, parseArn, type Random } from '../../base/index.ts';
import { invalidParameter } from './errors.ts';
import type { Secret } from './model.ts';

const SUFFIX_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SUFFIX = /^(.+)-([A-Za-z0-9]{6})$/s;

/** @throws invalid-parameter */
export function checkedName(name: string): string {
  if (/^[A-Za-z0-9/_+=.@!-]{1,512}$/.test(name)) return name;
  throw invalidParameter(
    'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
  );
}

export function arnOf({ region, name, suffix }: Pick<Secret, 'region' | 'name' | 'suffix'>): string {
  return formatArn('secretsmanager', region, ACCOUNT_ID, `secret:${name}-${suffix}`);
}

/** Six characters, each as likely as the others. */
export function newSuffix(random: Random): string {
  let suffix = '';
  while (suffix.length < 6) {
    const [byte] = random.bytes(1);
    if (byte! < 248) suffix += SUFFIX_CHARACTERS[byte! % SUFFIX_CHARACTERS.length];
  }
  return suffix;
}

/** Which secrets an id may mean: a name, an ARN, or an ARN without its last six characters. */
export function candidates(id: string, region: string): readonly { readonly name: string; readonly suffix?: string }[] {
  if (!id.startsWith('arn:')) return [{ name: id }];
  const arn = parseArn(id);
  const name = arn?.service === 'secretsmanager' ? /^secret:(.+)$/s.exec(arn.resource)?.[1] : undefined;
  if (name === undefined || arn!.region !== region || arn!.account !== ACCOUNT_ID) return [];
  const [, whole, suffix] = SUFFIX.exec(name) ?? [];
  return [...(suffix === undefined ? [] : [{ name: whole!, suffix }]), { name }];
}
