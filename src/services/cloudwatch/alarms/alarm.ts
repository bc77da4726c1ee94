import type { Labels } from '../../../telemetry/index.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** What an alarm looks at, and what it calls for. */
export interface AlarmSettings {
  readonly description?: string;
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: Labels;
  /** `Sum`, or `p99`. */
  readonly statistic: string;
  readonly unit?: string;
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  /** The template or call named it. */
  readonly hasDatapoints: boolean;
  readonly threshold: number;
  readonly comparison: Comparison;
  readonly missing: MissingData;
  readonly actionsEnabled: boolean;
  readonly actions: Readonly<Record<AlarmState, readonly string[]>>;
}

export type MissingData = 'missing' | 'ignore' | 'breaching' | 'notBreaching';

export const COMPARISONS = {
  GreaterThanThreshold: { words: 'greater than', breaches: (value: number, limit: number) => value > limit },
  GreaterThanOrEqualToThreshold: {
    words: 'greater than or equal to',
    breaches: (value: number, limit: number) => value >= limit,
  },
  LessThanThreshold: { words: 'less than', breaches: (value: number, limit: number) => value < limit },
  LessThanOrEqualToThreshold: {
    words: 'less than or equal to',
    breaches: (value: number, limit: number) => value <= limit,
  },
} as const;

export type Comparison = keyof typeof COMPARISONS;

/** An alarm as it is stored. Times are epoch milliseconds. */
export interface Alarm {
  readonly region: string;
  readonly name: string;
  readonly settings: AlarmSettings;
  readonly configuredAt: number;
  readonly state: AlarmState;
  readonly reason: string;
  /** JSON, of whoever gave the state; the node's own decisions give none. */
  readonly reasonData?: string;
  readonly stateAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** Periods that are looked at beyond those that are evaluated, for when some of these have no data. */
export const EXTRA_PERIODS = 2;

/**
 * What the values of the last periods make of an alarm, as AWS documents it for data that are missing.
 *
 * @param values  by period, the newest last, `undefined` where there are no data
 * @returns `undefined` where the state stays what it is
 * @see CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data"
 */
export function decide(settings: AlarmSettings, values: readonly (number | undefined)[]): AlarmState | undefined {
  const { evaluationPeriods: wanted, datapointsToAlarm: needed, threshold, comparison, missing } = settings;
  const breaches = (value: number) => COMPARISONS[comparison].breaches(value, threshold);
  const newestFirst = [...values].reverse().map((value, age) => ({ value, age }));
  const real = newestFirst.flatMap(({ value, age }) =>
    value === undefined ? [] : [{ breaching: breaches(value), age }],
  );
  const looked = real.slice(0, wanted);
  const breaching = looked.filter((one) => one.breaching).length;
  const absent = wanted - looked.length;
  if (breaching >= needed || (missing === 'breaching' && breaching + absent >= needed)) return 'ALARM';
  // A value that does not breach says more than one that is not there.
  if (breaching < looked.length || missing === 'breaching' || missing === 'notBreaching') return 'OK';
  if (missing === 'ignore') return undefined;
  const oldest = looked.at(-1);
  // As old as an alarm has to be, and nothing has contradicted it since.
  return oldest !== undefined && oldest.age + 1 >= needed ? 'ALARM' : 'INSUFFICIENT_DATA';
}

/** Why, in AWS's words. */
export function reasonOf(settings: AlarmSettings, state: AlarmState, values: readonly (number | undefined)[]): string {
  const looked = values.filter((value) => value !== undefined).slice(-settings.evaluationPeriods);
  if (state === 'INSUFFICIENT_DATA' || looked.length === 0) {
    const unknown = `no datapoints were received for ${settings.evaluationPeriods} period(s)`;
    const treated = settings.missing === 'missing' ? '' : ` and missing data are treated as ${settings.missing}`;
    return `Threshold Crossed: ${unknown}${treated}`;
  }
  const { words } = COMPARISONS[settings.comparison];
  const shown = looked.map((value) => String(value)).join(', ');
  const was = state === 'ALARM' ? 'were' : 'were not';
  return `Threshold Crossed: the last ${looked.length} datapoint(s) [${shown}] ${was} ${words} the threshold (${settings.threshold}) for ${settings.datapointsToAlarm} of ${settings.evaluationPeriods} period(s).`;
}
