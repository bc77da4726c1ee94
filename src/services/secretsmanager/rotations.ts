/**
 * Carries rotations out: calls the function of a secret for each step, and notes each step that has succeeded.
 *
 *  R1  What has begun is in the secret's record before its function is called, and so is every step: a restart goes on where it was.
 *  R2  A step may be called again (a crash, a failure): functions take that, as AWS asks of them.
 *  R3  One rotation of a secret at a time.
 *  R4  What is decided on while a function runs counts: a rotation that was cancelled, or whose secret is gone, takes no further step.
 *  R5  A rotation that fails is tried again, some times and later each time, and given up then: its version keeps AWSPENDING.
 */
import { Agenda, type Clock, type Dated, messageOf } from '../../base/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { SECRETS_LIMITS } from './limits.ts';
import { PENDING, type Rotating, type Secret, STEPS } from './model.ts';
import { arnOf } from './names.ts';
import { nextRotation } from './rotation.ts';
import type { SecretChange, Secrets } from './secrets.ts';
import { addVersion, holderOf, moveStage } from './stages.ts';

/** Calls a rotation function for one step; rejects when it fails. */
export type InvokeRotation = (
  functionArn: string,
  event: object,
  secretArn: string,
  signal: AbortSignal,
) => Promise<void>;

interface Tended extends Dated {
  readonly region: string;
  readonly name: string;
}

export class Rotations implements AsyncDisposable {
  readonly #secrets: Secrets;
  readonly #invoke: InvokeRotation;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #agenda: Agenda<Tended>;
  readonly #tended = new Map<string, Tended>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: {
    readonly secrets: Secrets;
    readonly invoke: InvokeRotation;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#secrets = options.secrets;
    this.#invoke = options.invoke;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#agenda = new Agenda(options.clock, (thing) => this.#look(thing));
    this.#secrets.onChange = (secret) => this.#tend(secret);
  }

  /** Takes up what a stop has cut off, and waits for what is due. */
  start(): void {
    for (const secret of this.#secrets.everyOne()) this.#tend(secret);
  }

  /** Begins nothing any more, and waits for the functions that run. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#agenda.close();
    await Promise.all(this.#running.values());
  }

  /** Has the secret looked at when something of it is due. */
  #tend(secret: Secret): void {
    const due = dueAt(secret);
    if (due === undefined || this.#stop.signal.aborted) return;
    const key = `${secret.region}/${secret.name}`;
    let thing = this.#tended.get(key);
    if (!thing) {
      thing = { region: secret.region, name: secret.name, tendAt: Number.POSITIVE_INFINITY };
      this.#tended.set(key, thing);
    }
    this.#agenda.by(thing, this.#clock.monotonic() + this.#waitFor(due));
  }

  #waitFor(due: number): number {
    return Math.min(Math.max(due - this.#clock.now(), 0), SECRETS_LIMITS.waitMsMax);
  }

  #look({ region, name }: Tended): number | undefined {
    const key = `${region}/${name}`;
    const secret = this.#secrets.anyAt(region, name);
    const due = secret && dueAt(secret);
    if (!secret || due === undefined) {
      this.#tended.delete(key);
      return undefined;
    }
    // The date lay further ahead than is waited for in one go.
    if (due > this.#clock.now()) return this.#clock.monotonic() + this.#waitFor(due);
    if (this.#running.has(key)) return undefined;
    if (this.#running.size >= SECRETS_LIMITS.rotationsAtOnceMax) return this.#clock.monotonic() + 1000;
    const work = this.#work(secret)
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#logger.error('rotation-not-carried-out', { secret: name, error });
      })
      .finally(() => {
        this.#running.delete(key);
        const after = this.#secrets.anyAt(region, name);
        if (after) this.#tend(after);
      });
    this.#running.set(key, work);
    return undefined;
  }

  async #work(secret: Secret): Promise<void> {
    if (secret.deleteAt !== undefined) return this.#secrets.remove(secret);
    const begun = secret.rotating ? secret : await this.#begin(secret);
    if (begun.rotating) await this.#rotate(begun, begun.rotating);
  }

  /** A rotation that the schedule asks for. One that was given up before goes on with its version. */
  #begin(secret: Secret): Promise<Secret> {
    return this.#secrets.change(secret, (before) => {
      if (before.rotating || before.deletedAt !== undefined) return { secret: before };
      const pending = holderOf(before.versions, PENDING);
      const current = holderOf(before.versions, 'AWSCURRENT');
      const versionId = pending !== undefined && pending !== current ? pending : this.#secrets.newId();
      return { secret: begin(before, versionId, this.#clock.now()) };
    });
  }

  async #rotate(secret: Secret, { versionId, isTrial }: Rotating): Promise<void> {
    const isStill = (one: Secret) => one.rotating?.versionId === versionId && one.deletedAt === undefined;
    let now = secret;
    while (now.rotating && isStill(now) && now.rotating.step < STEPS.length) {
      const step = isTrial ? 'testSecret' : STEPS[now.rotating.step]!;
      const failure = await this.#call(now, step, versionId);
      if (this.#stop.signal.aborted) return;
      if (failure !== undefined)
        this.#logger.warn('rotation-step-failed', { secret: arnOf(now), step, reason: failure });
      now = await this.#secrets.change(now, (before) => {
        if (!before.rotating || !isStill(before)) return { secret: before };
        if (isTrial) return this.#endTrial(before, versionId);
        return {
          secret: failure === undefined ? this.#advance(before, before.rotating) : this.#fail(before, before.rotating),
        };
      });
      if (failure !== undefined) return;
    }
  }

  /** @returns why it failed */
  async #call(secret: Secret, Step: string, ClientRequestToken: string): Promise<string | undefined> {
    const SecretId = arnOf(secret);
    if (secret.rotationFunction === undefined) return 'there is no rotation function';
    try {
      await this.#invoke(secret.rotationFunction, { Step, SecretId, ClientRequestToken }, SecretId, this.#stop.signal);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  #advance(before: Secret, rotating: Rotating): Secret {
    const step = rotating.step + 1;
    if (step < STEPS.length) return { ...before, rotating: { ...rotating, step } };
    const now = this.#clock.now();
    return withNext({ ...without(before, 'rotating'), rotatedAt: now, changedAt: now }, now);
  }

  #fail(before: Secret, rotating: Rotating): Secret {
    const failures = rotating.failures + 1;
    const now = this.#clock.now();
    if (failures >= SECRETS_LIMITS.rotationAttemptsMax) return withNext(without(before, 'rotating'), now);
    const dueAt = now + SECRETS_LIMITS.rotationRetryMs * 2 ** (failures - 1);
    return { ...before, rotating: { ...rotating, step: 0, failures, dueAt } };
  }

  #endTrial(before: Secret, versionId: string): SecretChange {
    const ended = without(before, 'rotating');
    const isPending = holderOf(before.versions, PENDING) === versionId;
    const versions = isPending ? moveStage(before.versions, PENDING, undefined) : before.versions;
    // Somebody has given it a label meanwhile, AWSCURRENT perhaps: it is no trial's any more.
    if ((versions[versionId]?.stages.length ?? 0) > 0) return { secret: { ...ended, versions } };
    const { [versionId]: _, ...kept } = versions;
    return { secret: { ...ended, versions: kept }, writes: [this.#secrets.forgotten(before, versionId)] };
  }
}

/** The secret with a rotation that begins now: its version is there, and empty. */
export function begin(secret: Secret, versionId: string, now: number): Secret {
  const facts = secret.versions[versionId] ?? { createdAt: now, empty: true as const };
  const versions = addVersion(secret.versions, versionId, facts, [PENDING]);
  return { ...secret, versions, rotating: { versionId, step: 0, failures: 0, dueAt: now } };
}

/** The secret with the date of its next rotation. */
export function withNext(secret: Secret, after: number): Secret {
  const next = secret.rotationEnabled ? nextRotation(secret.rotationRules, after) : undefined;
  return { ...without(secret, 'nextRotationAt'), ...(next !== undefined && { nextRotationAt: next }) };
}

export function without<Key extends keyof Secret>(secret: Secret, ...keys: readonly Key[]): Omit<Secret, Key> & Secret {
  return Object.fromEntries(Object.entries(secret).filter(([key]) => !keys.includes(key as Key))) as never;
}

/** When something of a secret is due: its end, the step of a rotation, the next rotation. */
function dueAt({ deleteAt, deletedAt, rotating, rotationEnabled, nextRotationAt }: Secret): number | undefined {
  if (deletedAt !== undefined) return deleteAt;
  if (rotating) return rotating.dueAt;
  return rotationEnabled ? nextRotationAt : undefined;
}
