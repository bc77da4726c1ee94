/* What API keys have used of their plans. */
import type { Clock, Timer } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { REST_API_LIMITS } from './limits.ts';
import type { UsagePlan } from './model.ts';

/** Of one key in one plan. */
interface Count {
  /** When the period of the quota began, epoch milliseconds. */
  since: number;
  /** In this period, with what the plan takes off the first one. */
  used: number;
  /** Beyond the quota, for this period alone. */
  extra: number;
  /** By date (`2026-11-29`, UTC): calls of that day, and what was left at its end. */
  readonly days: Record<string, readonly [used: number, left: number]>;
}

export type UsagePlanQuota = Pick<UsagePlan, 'id' | 'quota'>;

/** What a plan without a quota leaves. */
const UNLIMITED = -1;

const DAY_MS = 86_400_000;

/**
 * Calls by API keys, by day and by the period of the plan's quota (UTC). They are counted in memory and written a moment later: a crash
 * gives back what was used in that moment, and takes nothing.
 */
export class UsageCounts implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #kept: Registry<Count>;
  /** By plan and key. */
  readonly #counts = new Map<string, Count>();
  readonly #unwritten = new Set<string>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(kept: Registry<Count>, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#kept = kept;
    this.#clock = clock;
    this.#logger = logger;
  }

  static async open(dependencies: {
    readonly records: Records;
    readonly clock: Clock;
    readonly logger: Logger;
  }): Promise<UsageCounts> {
    return new UsageCounts(await Registry.open(dependencies.records, 'apigateway-usage'), dependencies);
  }

  /** Counts a call. @returns whether the quota had room for it */
  take(plan: UsagePlanQuota, keyId: string): boolean {
    const name = nameOf(plan.id, keyId);
    const count = this.#currentOf(name, plan);
    const left = leftOf(plan, count);
    if (left === 0) return false;
    count.used++;
    const date = dateOf(this.#clock.now());
    const [used = 0] = count.days[date] ?? [];
    count.days[date] = [used + 1, left === UNLIMITED ? UNLIMITED : left - 1];
    if (used === 0) forgetOld(count.days, this.#clock.now());
    this.#unwritten.add(name);
    this.#timer ??= this.#clock.timer(REST_API_LIMITS.usageWrittenMs, () => this.#write());
    return true;
  }

  /** Calls and what was left, of each day. @param from  first day, epoch milliseconds; @param to  last day */
  days(plan: UsagePlanQuota, keyId: string, from: number, to: number): readonly (readonly [number, number])[] {
    const count = this.#currentOf(nameOf(plan.id, keyId), plan);
    const today = dateOf(this.#clock.now());
    const days: (readonly [number, number])[] = [];
    for (let at = from; at <= to; at += DAY_MS) {
      const [used] = count.days[dateOf(at)] ?? [0];
      days.push([used, dateOf(at) === today ? leftOf(plan, count) : leftAt(plan, count, at)]);
    }
    return days;
  }

  /** Sets what a key has left in this period; durable when it resolves, and not done when it rejects. */
  async grant(plan: UsagePlanQuota & Required<Pick<UsagePlan, 'quota'>>, keyId: string, left: number): Promise<void> {
    const name = nameOf(plan.id, keyId);
    const count = this.#currentOf(name, plan);
    const { since } = count;
    const added = left - ((plan.quota.limit ?? 0) - count.used) - count.extra;
    count.extra += added;
    const date = dateOf(this.#clock.now());
    count.days[date] = [count.days[date]?.[0] ?? 0, left];
    try {
      await this.#kept.put(name, count);
    } catch (error) {
      if (count.since === since) count.extra -= added;
      throw error;
    }
  }

  /** A plan or a key is gone. */
  async forget(isGone: (planId: string, keyId: string) => boolean): Promise<void> {
    const gone = [...new Set([...this.#kept.names(), ...this.#counts.keys()])].filter((name) => {
      const [planId, keyId] = name.split('/');
      return isGone(planId!, keyId!);
    });
    for (const name of gone) {
      this.#counts.delete(name);
      this.#unwritten.delete(name);
    }
    await this.#writing;
    await Promise.all(gone.map((name) => this.#kept.delete(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#write();
    await this.#writing;
  }

  /** In the period that is now. */
  #currentOf(name: string, plan: UsagePlanQuota): Count {
    const since = periodStart(this.#clock.now(), plan);
    let count = this.#counts.get(name);
    if (!count) {
      const kept = this.#kept.get(name);
      const offset = plan.quota?.offset ?? 0;
      count = kept ? { ...kept, days: { ...kept.days } } : { since, used: offset, extra: 0, days: {} };
      this.#counts.set(name, count);
    }
    if (count.since !== since) Object.assign(count, { since, used: 0, extra: 0 });
    return count;
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const names = [...this.#unwritten];
    this.#unwritten.clear();
    const written = Promise.all(names.map((name) => this.#kept.put(name, this.#counts.get(name)!)));
    this.#writing = Promise.allSettled([this.#writing, written]).then(([, { status, ...rest }]) => {
      if (status === 'fulfilled') return;
      this.#logger.warn('api-usage-not-written', { error: (rest as { reason?: unknown }).reason });
      for (const name of names) if (this.#counts.has(name)) this.#unwritten.add(name);
    });
  }
}

const nameOf = (planId: string, keyId: string) => `${planId}/${keyId}`;

function leftOf({ quota }: UsagePlanQuota, { used, extra }: Count): number {
  return quota?.limit === undefined ? UNLIMITED : Math.max(0, quota.limit - used + extra);
}

/** What was left at the end of a day: what its last call, or the last one before it in its period, has left. */
function leftAt(plan: UsagePlanQuota, { days }: Count, at: number): number {
  const since = periodStart(at, plan);
  for (let day = at; day >= since; day -= DAY_MS) {
    const known = days[dateOf(day)];
    if (known) return known[1];
  }
  return plan.quota?.limit ?? UNLIMITED;
}

/** `2026-11-29`. */
function dateOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function forgetOld(days: Record<string, unknown>, now: number): void {
  const oldest = dateOf(now - REST_API_LIMITS.usageDaysMax * DAY_MS);
  for (const date of Object.keys(days)) if (date < oldest) delete days[date];
}

/** Midnight of the day, of Sunday, or of the first of the month, in UTC. */
function periodStart(at: number, { quota }: UsagePlanQuota): number {
  const date = new Date(at);
  if (quota?.period === 'MONTH') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  const day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return quota?.period === 'WEEK' ? day - date.getUTCDay() * DAY_MS : day;
}
