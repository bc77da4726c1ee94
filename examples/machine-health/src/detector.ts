/**
 * Tells when a machine leaves its usual level.
 *
 * Two exponentially weighted means of the temperature run side by side: a baseline of about a week with its spread, and a
 * smoothed level of about three hours. Their distance in units of the spread is the score. An alert is raised when the score
 * stays beyond the threshold for two hours on end, and not again before the machine has come back for three hours and a day
 * has passed. All times are counted in readings, five minutes apart in the recording.
 *
 * Pure: a state and a reading go in, the next state comes out, so that the live function and the offline score run the same
 * code. How the numbers were chosen, and what they are worth, is in the README.
 */

export interface DetectorSettings {
  /** Weight of one reading in the baseline once it is filled: 1 / (readings of seven days). */
  readonly baselineWeight: number;
  /** Weight of one reading in the smoothed level: a span of three hours. */
  readonly levelWeight: number;
  /** Distance from the baseline, in spreads, that counts as unusual. */
  readonly threshold: number;
  /** Unusual readings in a row before an alert. */
  readonly unusualReadings: number;
  /** Usual readings in a row before the next alert is possible. */
  readonly usualReadings: number;
  /** Readings between two alerts. */
  readonly quietReadings: number;
  /** Readings before the first alert: three days. */
  readonly warmUpReadings: number;
  /** Least spread, in °C: a machine at rest must not alert on a tenth of a degree. */
  readonly spreadMin: number;
  /** A jump of the time beyond this, either way, is another story: the machine warms up anew. The recording's clock was once
   *  put back by an hour, which is none. */
  readonly gapMsMax: number;
}

export const SETTINGS: DetectorSettings = {
  baselineWeight: 1 / (7 * 288),
  levelWeight: 2 / (36 + 1),
  threshold: 2.5,
  unusualReadings: 24,
  usualReadings: 36,
  quietReadings: 288,
  warmUpReadings: 3 * 288,
  spreadMin: 0.5,
  gapMsMax: 2 * 3600_000,
};

/** All that is remembered of a machine: small enough to be stored with its readings. */
export interface DetectorState {
  readonly readings: number;
  readonly baseline: number;
  readonly variance: number;
  readonly level: number;
  /** Unusual readings in a row; 0 when the last one was usual. */
  readonly unusual: number;
  /** Usual readings in a row. */
  readonly usual: number;
  /** An alert was raised and the machine has not come back since. */
  readonly alerting: boolean;
  /** `readings` at the last alert; below zero when there was none. */
  readonly alertedAt: number;
  /** Times that the first and the last reading stand for, epoch milliseconds. */
  readonly since: number;
  readonly time: number;
}

export interface Judgement {
  readonly state: DetectorState;
  /** Distance of the smoothed level from the baseline in spreads; 0 while warming up. */
  readonly score: number;
  readonly alert: boolean;
}

/**
 * Takes one reading in.
 *
 * @param state  `undefined` for a machine that was never seen
 * @param celsius  the temperature
 * @param time  when it was measured, or the place in the recording, epoch milliseconds
 */
export function judge(
  state: DetectorState | undefined,
  celsius: number,
  time: number,
  settings: DetectorSettings = SETTINGS,
): Judgement {
  if (!state || Math.abs(time - state.time) > settings.gapMsMax) {
    return { state: firstState(celsius, time), score: 0, alert: false };
  }
  const readings = state.readings + 1;
  // A plain mean until the baseline is filled, an exponential one from then on.
  const weight = Math.max(settings.baselineWeight, 1 / readings);
  const error = celsius - state.baseline;
  const baseline = state.baseline + weight * error;
  const variance = (1 - weight) * (state.variance + weight * error * error);
  const level = state.level + settings.levelWeight * (celsius - state.level);
  const distance = (level - baseline) / Math.max(Math.sqrt(variance), settings.spreadMin);

  const isUnusual = Math.abs(distance) > settings.threshold;
  const unusual = isUnusual ? state.unusual + 1 : 0;
  const usual = isUnusual ? 0 : state.usual + 1;
  const warm = readings > settings.warmUpReadings;
  const quiet = state.alertedAt >= 0 && readings - state.alertedAt < settings.quietReadings;
  const alert = warm && !quiet && !state.alerting && unusual >= settings.unusualReadings;
  const next: DetectorState = {
    readings,
    baseline,
    variance,
    level,
    unusual,
    usual,
    alerting: alert || (state.alerting && usual < settings.usualReadings),
    alertedAt: alert ? readings : state.alertedAt,
    since: state.since,
    time,
  };
  return { state: next, score: warm ? distance : 0, alert };
}

function firstState(celsius: number, time: number): DetectorState {
  return {
    readings: 1,
    baseline: celsius,
    variance: 0,
    level: celsius,
    unusual: 0,
    usual: 1,
    alerting: false,
    alertedAt: -1,
    since: time,
    time,
  };
}
