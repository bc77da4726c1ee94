import { type Clock, DomainError } from '../base/index.ts';
import type { FunctionCredentials, FunctionSpec } from '../runtime/index.ts';
import type { Iam } from '../services/iam/index.ts';
import type { Sts } from '../services/sts/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { NodeConfig } from './config.ts';
import { type FunctionCalls, functionArnOf } from './function-calls.ts';

/** How long a session lives. It is given to new environments during the first half of its life only. */
const SESSION_SECONDS = 3600;

interface Held {
  readonly credentials: FunctionCredentials;
  /** Epoch milliseconds from which new environments get another. */
  readonly renewAt: number;
}

/** Temporary credentials of functions' execution roles: what the wire of a secured node takes from them. */
export class FunctionSessions {
  readonly #sts: Pick<Sts, 'assumeRole'>;
  readonly #clock: Clock;
  readonly #calls: FunctionCalls;
  readonly #held = new Map<string, Held>();
  /** Asked for and not there yet: environments that start together share one. */
  readonly #asked = new Map<string, Promise<FunctionCredentials>>();

  constructor(options: {
    readonly sts: Pick<Sts, 'assumeRole'>;
    readonly clock: Clock;
    readonly calls: FunctionCalls;
  }) {
    this.#sts = options.sts;
    this.#clock = options.clock;
    this.#calls = options.calls;
  }

  /**
   * Credentials with at least half an hour to live. Sessions are named after the function, as Lambda names them.
   *
   * @throws role-not-assumable  (rejects) the function has no role, or one that is not there
   */
  credentials(spec: FunctionSpec): FunctionCredentials | Promise<FunctionCredentials> {
    const key = `${functionArnOf(spec)} ${spec.roleArn}`;
    const held = this.#held.get(key);
    if (held && this.#clock.now() < held.renewAt) return held.credentials;
    const asked = this.#asked.get(key) ?? this.#ask(key, spec).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  async #ask(key: string, spec: FunctionSpec): Promise<FunctionCredentials> {
    const credentials = await this.#assume(spec);
    const now = this.#clock.now();
    this.#calls.sweep(now);
    for (const [name, { renewAt }] of this.#held) if (renewAt <= now) this.#held.delete(name);
    this.#calls.hand(spec, credentials);
    this.#held.set(key, { credentials, renewAt: now + (SESSION_SECONDS * 1000) / 2 });
    return credentials;
  }

  async #assume({ arn, name, roleArn }: FunctionSpec): Promise<FunctionCredentials> {
    try {
      const assumption = { roleArn, sessionName: name, durationSeconds: SESSION_SECONDS };
      const by = { principal: 'lambda.amazonaws.com', sourceArn: arn };
      const { accessKeyId, secret, token, expiresAt } = await this.#sts.assumeRole(assumption, by);
      return { accessKeyId, secretAccessKey: secret, sessionToken: token, expiresAt };
    } catch (error) {
      const message = 'The role defined for the function cannot be assumed by Lambda.';
      throw new DomainError('role-not-assumable', message, { cause: error });
    }
  }
}

/**
 * Credentials of functions, as the mode has them. A node for production gives those of the role or none. In `dev` a function whose
 * role is there is held to it too, so that a right that is missing is missed here first; whose role nobody has made keeps keys of its
 * own, which may do everything.
 */
export function credentialsOfFunctions(
  options: Pick<NodeConfig, 'mode' | 'authorization'> & {
    readonly sessions: FunctionSessions;
    readonly calls: FunctionCalls;
    readonly iam: Pick<Iam, 'roleByArn'>;
    readonly logger: Logger;
  },
): (spec: FunctionSpec) => FunctionCredentials | Promise<FunctionCredentials> {
  const { mode, authorization, sessions, calls, iam, logger } = options;
  if (mode === 'secured') return (spec) => sessions.credentials(spec);
  if (authorization === 'off') return (spec) => calls.credentials(spec);
  const told = new Set<string>();
  return (spec) => {
    if (iam.roleByArn(spec.roleArn)) return sessions.credentials(spec);
    const functionArn = functionArnOf(spec);
    if (!told.has(functionArn)) {
      told.add(functionArn);
      logger.warn('function-without-role', { functionArn, roleArn: spec.roleArn, effect: 'it may do everything' });
    }
    return calls.credentials(spec);
  };
}
