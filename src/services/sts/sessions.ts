import { ACCOUNT_ID, type Clock, type Random } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { newSecret, uniqueId } from '../iam/index.ts';
import type { AccessKey, CallerSession, Credentials } from '../index.ts';
import { stsError } from './errors.ts';

/** Temporary keys that are kept at the same time (S5). */
export const SESSIONS_MAX = 100_000;

/** How often the expired ones are thrown out, at most. */
const SWEEP_MS = 60_000;

/** A temporary key as it is stored. */
export interface Session {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly token: string;
  /** Who it makes of its bearer. */
  readonly arn: string;
  /** `AROA...:name` of an assumed role, the id of a user, the account. */
  readonly userId: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** What policies know of it; a session of an older release has none, and is its role's. */
  readonly grant?: CallerSession;
}

/** Who a new session makes of its bearer, and what policies know of it. */
export type Grant = Omit<CallerSession, 'issuedAt'> & { readonly arn: string };

/** Temporary keys: durable, so that what was given out outlives a restart of the node. */
export class Sessions implements Credentials {
  readonly #sessions: Registry<Session>;
  readonly #clock: Clock;
  readonly #random: Random;
  #sweptAt = Number.NEGATIVE_INFINITY;

  private constructor(sessions: Registry<Session>, clock: Clock, random: Random) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, clock: Clock, random: Random): Promise<Sessions> {
    return new Sessions(await Registry.open<Session>(records, 'sts-sessions'), clock, random);
  }

  secretFor(accessKeyId: string): AccessKey | undefined {
    const session = this.#sessions.get(accessKeyId);
    if (!session) return undefined;
    const { secret, token: sessionToken, arn, userId, expiresAt, grant } = session;
    const held = grant ?? {
      kind: arn.includes(':assumed-role/') ? 'role' : 'user',
      principalArn: arn,
      userId,
      issuedAt: 0,
    };
    return { secret, sessionToken, expiresAt, caller: { accountId: ACCOUNT_ID, arn, accessKeyId, session: held } };
  }

  get(accessKeyId: string): Session | undefined {
    return this.#sessions.get(accessKeyId);
  }

  /** A fresh key for `durationSeconds`. @throws too-many-sessions */
  async issue({ arn, ...more }: Grant, durationSeconds: number): Promise<Session> {
    await this.#sweep();
    if (this.#sessions.size >= SESSIONS_MAX) throw stsError('too-many-sessions', 'Rate exceeded');
    const accessKeyId = uniqueId('ASIA', this.#random);
    const issuedAt = this.#clock.now();
    const expiresAt = issuedAt + durationSeconds * 1000;
    const token = this.#random.bytes(192).toString('base64');
    const { userId } = more;
    const grant = { ...more, issuedAt };
    const session = { accessKeyId, secret: newSecret(this.#random), token, arn, userId, expiresAt, grant };
    await this.#sessions.create(accessKeyId, session);
    return session;
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    const expired = this.#sessions.list().filter(({ expiresAt }) => expiresAt <= now);
    await Promise.all(expired.map(({ accessKeyId }) => this.#sessions.delete(accessKeyId)));
  }
}
