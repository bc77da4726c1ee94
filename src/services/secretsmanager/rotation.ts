/* What rotation rules mean: pure. */
import { nextTime, parseSchedule, type Schedule } from '../../codec/schedules/index.ts';
import { invalidParameter } from './errors.ts';
import { SECRETS_LIMITS } from './limits.ts';
import type { RotationRules } from './model.ts';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** @throws invalid-parameter */
export function checkRules(rules: RotationRules, now: number): void {
  const { AutomaticallyAfterDays: days, ScheduleExpression: expression, Duration } = rules;
  if (days !== undefined && expression !== undefined) {
    throw invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.");
  }
  if (days !== undefined && !(days >= 1 && days <= SECRETS_LIMITS.rotationDaysMax)) {
    throw invalidParameter(`AutomaticallyAfterDays must be between 1 and ${SECRETS_LIMITS.rotationDaysMax}.`);
  }
  if (Duration !== undefined && !/^([1-9]|1\d|2[0-4])h$/.test(Duration)) {
    throw invalidParameter(`Duration ${Duration} is not valid: give hours, 1h to 24h.`);
  }
  if (expression === undefined) return;
  const schedule = scheduleOf(expression);
  const first = nextTime(schedule, now);
  const second = first === undefined ? undefined : nextTime(schedule, first);
  if (first === undefined) throw invalidParameter(`The schedule ${expression} has no time to come.`);
  if (second !== undefined && second - first < SECRETS_LIMITS.rotationMsMin) {
    throw invalidParameter(`The schedule ${expression} is too frequent: a secret is rotated every 4 hours at most.`);
  }
}

/**
 * When a secret is rotated next: the beginning of AWS's rotation window. Rules in days begin it at midnight, those in hours at the hour.
 *
 * @param after  the last rotation, or when the rules were set
 */
export function nextRotation(rules: RotationRules | undefined, after: number): number | undefined {
  const { AutomaticallyAfterDays: days, ScheduleExpression: expression } = rules ?? {};
  if (days !== undefined) return Math.floor((after + days * DAY_MS) / DAY_MS) * DAY_MS;
  if (expression === undefined) return undefined;
  const schedule = scheduleOf(expression);
  const next = nextTime(schedule, after);
  if (next === undefined || schedule.kind === 'cron') return next;
  const whole = schedule.unit === 'day' ? DAY_MS : HOUR_MS;
  return Math.floor(next / whole) * whole;
}

function scheduleOf(expression: string): Schedule {
  let schedule: Schedule;
  try {
    schedule = parseSchedule(expression);
  } catch {
    throw invalidParameter(`The schedule expression ${expression} is not valid.`);
  }
  if (schedule.kind === 'rate' && schedule.unit === 'minute') {
    throw invalidParameter(`The schedule expression ${expression} is not valid: give hours or days.`);
  }
  return schedule;
}
