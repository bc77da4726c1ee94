import { createHmac, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { ACCOUNT_ID, type Clock, DEFAULT_REGION, formatArn, hasCode, type Random } from '../../../base/index.ts';
import { Reason } from '../../../codec/mqtt/index.ts';
import { type Records, Registry } from '../../../store/index.ts';
import { IotError } from '../errors.ts';
import { IOT_LIMITS } from '../limits.ts';
import type { PrincipalChanges } from './changes.ts';
import { type Identification, type Identity, NO_VALUES } from './identity.ts';

/** Who proves himself by a password: as it is stored. */
export interface DeviceUser {
  readonly name: string;
  readonly region: string;
  /** Base64, as are all bytes here. */
  readonly salt: string;
  readonly hash: string;
  /** Cost of the hash: scrypt's N, r and p. */
  readonly cost: readonly [n: number, r: number, p: number];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly changedAt: number;
}

/** One of the settings that OWASP's password storage sheet gives as equally strong; of them, one with little memory: 16 MB, 180 ms. */
const COST = [16_384, 8, 5] as const;
const HASH_BYTES = 32;

export function userArn({ name, region }: Pick<DeviceUser, 'name' | 'region'>): string {
  return formatArn('iot', region, ACCOUNT_ID, `user/${name}`);
}

/** Users with passwords: all in memory, every change durable when it resolves. Their policies are attached to their ARNs. */
export class DeviceUsers {
  readonly #registry: Registry<DeviceUser>;
  readonly #changes: PrincipalChanges;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #slots = new Slots(IOT_LIMITS.passwordChecksMax, IOT_LIMITS.passwordChecksWaitingMax);
  /** By name: a hash of the password that was right, under a key that nobody else has and that ends with this process. */
  readonly #known = new Map<string, Buffer>();
  readonly #key: Buffer;

  private constructor(registry: Registry<DeviceUser>, changes: PrincipalChanges, clock: Clock, random: Random) {
    this.#registry = registry;
    this.#changes = changes;
    this.#clock = clock;
    this.#random = random;
    this.#key = random.bytes(32);
  }

  static async open(parts: {
    readonly records: Records;
    readonly changes: PrincipalChanges;
    readonly clock: Clock;
    readonly random: Random;
  }): Promise<DeviceUsers> {
    const registry = await Registry.open<DeviceUser>(parts.records, 'iot.device-users');
    return new DeviceUsers(registry, parts.changes, parts.clock, parts.random);
  }

  /** In order of names. */
  list(): readonly DeviceUser[] {
    return this.#registry.list();
  }

  find(name: string): DeviceUser | undefined {
    return this.#registry.get(name);
  }

  /** Makes a user, or gives one another password; connections made with the old one end. @throws IotError request-invalid, limit-exceeded */
  async setPassword(name: string, password: string, region = DEFAULT_REGION): Promise<DeviceUser> {
    checkUser(name, password);
    const before = this.find(name);
    if (!before && this.#registry.size >= IOT_LIMITS.deviceUsersMax) {
      throw new IotError('limit-exceeded', `The limit of ${IOT_LIMITS.deviceUsersMax} users is reached.`);
    }
    const salt = this.#random.bytes(16);
    const hash = await hashOf(Buffer.from(password), salt, COST);
    const now = this.#clock.now();
    const user: DeviceUser = {
      ...{ name, region: before?.region ?? region, salt: salt.toString('base64'), hash: hash.toString('base64') },
      ...{ cost: COST, createdAt: before?.createdAt ?? now, changedAt: now },
    };
    await this.#registry.put(name, user);
    this.#known.delete(name);
    this.#changes.changed(userArn(user));
    return user;
  }

  /** @throws IotError resource-not-found */
  async delete(name: string): Promise<void> {
    const user = this.find(name);
    if (!user) throw new IotError('resource-not-found', `User ${name} not found.`);
    await this.#registry.delete(name);
    this.#known.delete(name);
    this.#changes.changed(userArn(user));
  }

  /** Unknown users cost the same time as wrong passwords. */
  async identify(name: string, password: Buffer): Promise<Identification> {
    const user = this.find(name);
    let isRight: boolean;
    try {
      isRight = password.length <= IOT_LIMITS.passwordBytesMax && (await this.#isRight(user ?? NOBODY, password));
    } catch (error) {
      if (!hasCode(error, 'unavailable')) throw error;
      return { kind: 'refused', reasonCode: Reason.serverBusy, reason: 'too many passwords are being checked' };
    }
    if (!user || !isRight) {
      return { kind: 'refused', reasonCode: Reason.badUserNameOrPassword, reason: 'wrong user name or password' };
    }
    const lapsed = () => (this.find(name)?.hash === user.hash ? undefined : 'its password was changed');
    return { kind: 'identified', identity: identityOfUser(user, lapsed) };
  }

  /** Who a client was by its user, without its password; it has lapsed when the user is gone. */
  recall(arn: string): Identity | undefined {
    const name = /:user\/(.+)$/.exec(arn)?.[1];
    const user = name === undefined ? undefined : this.find(name);
    return user && identityOfUser(user, () => undefined);
  }

  async #isRight(user: DeviceUser, password: Buffer): Promise<boolean> {
    const quick = createHmac('sha256', this.#key).update(`${user.hash} `).update(password).digest();
    const known = this.#known.get(user.name);
    if (known && timingSafeEqual(known, quick)) return true;
    const salt = Buffer.from(user.salt, 'base64');
    const hash = await this.#slots.run(() => hashOf(password, salt, user.cost));
    if (!timingSafeEqual(hash, Buffer.from(user.hash, 'base64'))) return false;
    if (this.#known.size >= IOT_LIMITS.passwordsKnownMax) this.#known.clear();
    this.#known.set(user.name, quick);
    return true;
  }
}

function identityOfUser(user: DeviceUser, lapsed: Identity['lapsed']): Identity {
  const arns = [userArn(user)] as const;
  return { principal: user.name, arns, region: undefined, values: NO_VALUES, policies: [], isLasting: true, lapsed };
}

/** Whose password nobody knows. */
const NOBODY: DeviceUser = {
  ...{ name: '', region: DEFAULT_REGION, salt: Buffer.alloc(16).toString('base64') },
  ...{ hash: Buffer.alloc(HASH_BYTES).toString('base64'), cost: COST, createdAt: 0, changedAt: 0 },
};

function checkUser(name: string, password: string): void {
  if (!/^[\w.@:=+-]{1,128}$/.test(name)) {
    throw new IotError('request-invalid', 'A user name has 1 to 128 letters, digits and . _ @ : = + -.');
  }
  const bytes = Buffer.byteLength(password);
  const { passwordBytesMin: least, passwordBytesMax: most } = IOT_LIMITS;
  if (bytes < least || bytes > most) {
    throw new IotError('request-invalid', `A password has ${least} to ${most} bytes.`);
  }
}

function hashOf(password: Buffer, salt: Buffer, [N, r, p]: DeviceUser['cost']): Promise<Buffer> {
  const options: ScryptOptions = { N, r, p, maxmem: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, options, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}

/** Lets so many run at a time and so many wait. */
class Slots {
  readonly #waiting: (() => void)[] = [];
  readonly #waitingMax: number;
  #free: number;

  constructor(count: number, waitingMax: number) {
    this.#free = count;
    this.#waitingMax = waitingMax;
  }

  /** @throws IotError unavailable  too many wait */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else if (this.#waiting.length >= this.#waitingMax) throw new IotError('unavailable', 'Too many wait.');
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
