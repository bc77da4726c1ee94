import type { Timer } from '../../base/index.ts';
import { AUDIT_LIMITS } from './limits.ts';
import type { AuditRecord, UserIdentity } from './record.ts';
import { AuditTrail, type TrailOptions } from './trail.ts';

/** What was refused to one principal within a minute. */
interface Window {
  readonly identity: UserIdentity;
  readonly timer: Timer;
  count: number;
}

/**
 * The audit log. Whoever has no rights can still be refused as often as they ask: refusals have files of their own, so that they push no
 * record out of what was done, and of each principal so many a minute are kept; a remark says how many more there were.
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: Omit<TrailOptions, 'series'>;
  readonly #done: AuditTrail;
  readonly #refused: AuditTrail;
  readonly #windows = new Map<string, Window>();

  private constructor(options: Omit<TrailOptions, 'series'>, done: AuditTrail, refused: AuditTrail) {
    this.#options = options;
    this.#done = done;
    this.#refused = refused;
  }

  static async open(options: Omit<TrailOptions, 'series'>): Promise<AuditLog> {
    await using scope = new AsyncDisposableStack();
    const done = scope.use(await AuditTrail.open({ ...options, series: 'audit' }));
    const files = Math.ceil(options.files / AUDIT_LIMITS.filesOfRefused);
    const refused = await AuditTrail.open({ ...options, files, series: 'refused' });
    scope.move();
    return new AuditLog(options, done, refused);
  }

  record(record: AuditRecord): void {
    // Only refusals by policies have a message.
    if (record.errorMessage === undefined) this.#done.record(record);
    else if (this.#isWithinBound(record.userIdentity)) this.#refused.record(record);
  }

  /** Resolves when all that was taken is on disk, or counted as lost. */
  async flushed(): Promise<void> {
    await Promise.all([this.#done.flushed(), this.#refused.flushed()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const principal of [...this.#windows.keys()]) this.#close(principal);
    await using scope = new AsyncDisposableStack();
    scope.use(this.#done);
    scope.use(this.#refused);
  }

  #isWithinBound(identity: UserIdentity): boolean {
    const { refusedMax, refusedMs, refusedPrincipalsMax } = AUDIT_LIMITS;
    const known = principalOf(identity);
    const principal = this.#windows.has(known) || this.#windows.size < refusedPrincipalsMax ? known : 'others';
    let window = this.#windows.get(principal);
    if (!window) {
      const timer = this.#options.clock.timer(refusedMs, () => this.#close(principal));
      window = {
        identity: principal === known ? identity : { type: 'Unknown', principalId: principal },
        timer,
        count: 0,
      };
      this.#windows.set(principal, window);
    }
    return ++window.count <= refusedMax;
  }

  /** Ends a principal's minute, and says what was left out of it. */
  #close(principal: string): void {
    const { identity, timer, count } = this.#windows.get(principal)!;
    timer.cancel();
    this.#windows.delete(principal);
    const leftOut = count - AUDIT_LIMITS.refusedMax;
    if (leftOut <= 0) return;
    const eventTime = new Date(this.#options.clock.now()).toISOString();
    const remark = { eventVersion: '1.11', eventTime, eventName: 'RefusalsLeftOut', count: leftOut } as const;
    this.#refused.record({ ...remark, userIdentity: identity });
  }
}

/** Whom a refusal counts for: sessions of one role are one, since whoever may take it on names them as they like. */
function principalOf({ sessionContext, arn, principalId, invokedBy }: UserIdentity): string {
  return sessionContext?.sessionIssuer.arn ?? arn ?? invokedBy ?? principalId ?? 'unknown';
}
