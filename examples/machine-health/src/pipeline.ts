/**
 * What happens to a batch, in this order:
 *
 * 1. records that are no readings go to the dead-letter queue; those that it does not take are reported and come again;
 * 2. the state of each machine is looked up;
 * 3. readings are judged in order;
 * 4. alerts are published;
 * 5. points and the machines' new states are written, together.
 *
 * State lives in the series database, one row a machine and batch, beside the points that it follows from. The copy in memory
 * is used only if a reading carries on exactly where it ends (its `seq` is the next, bad records counted): whenever another
 * environment has had the machine in between, or a message is missing, the row is read again. Order within a partition key and step 5 at the end
 * make that row the right one.
 *
 * Events may come twice. A reading not newer than its machine's state was judged before: its point is written again, which
 * changes nothing, and it is not judged. If a batch fails between 4 and 5, its alerts are published again under the same id.
 */
import { type Alert, type AlertTopic, alertOf } from './alerts.ts';
import type { DeadLetterQueue } from './dead-letters.ts';
import { judge, SETTINGS } from './detector.ts';
import type { BatchResponse, KinesisRecord } from './kinesis-event.ts';
import { type Reading, readBatch } from './reading.ts';
import { float, integer, type Line, line, type Machine, type SeriesClient, stateLine, text } from './series.ts';

/** Machines remembered in memory; beyond it all are forgotten, and read again when they come. */
const MACHINES_MAX = 20_000;

export interface PipelineReport extends BatchResponse {
  readonly readings: number;
  readonly rejected: number;
  readonly alerts: number;
}

export class Pipeline {
  readonly #series: SeriesClient;
  readonly #alerts: AlertTopic;
  readonly #deadLetters: DeadLetterQueue;
  #machines = new Map<string, Machine>();

  constructor(doors: { series: SeriesClient; alerts: AlertTopic; deadLetters: DeadLetterQueue }) {
    this.#series = doors.series;
    this.#alerts = doors.alerts;
    this.#deadLetters = doors.deadLetters;
  }

  /** Takes a batch through; throws when it must come again whole. */
  async run(records: readonly KinesisRecord[]): Promise<PipelineReport> {
    const { readings, rejected, skippedAtEnd } = readBatch(records);
    const [machines, failed] = await Promise.all([this.#machinesOf(readings), this.#deadLetters.send(rejected)]);
    const { lines, alerts } = judgeAll(readings, machines);
    await this.#alerts.publish(alerts);
    if (lines.length > 0) await this.#series.write(lines);
    this.#remember(machines, skippedAtEnd);
    return {
      batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })),
      readings: readings.length,
      rejected: rejected.length,
      alerts: alerts.length,
    };
  }

  /** The machines of a batch as they were before it, in a map of their own: a batch that fails leaves no trace. */
  async #machinesOf(readings: readonly Reading[]): Promise<Map<string, Machine>> {
    const machines = new Map<string, Machine>();
    const unsure = new Set<string>();
    let oldest = Number.POSITIVE_INFINITY;
    for (const { device, seq, skipped, ts } of readings) {
      if (machines.has(device) || unsure.has(device)) continue;
      const known = this.#machines.get(device);
      if (known && known.seq + skipped + 1 === seq) machines.set(device, known);
      else {
        unsure.add(device);
        oldest = Math.min(oldest, ts);
      }
    }
    if (unsure.size > 0) {
      for (const [device, machine] of await this.#series.machines([...unsure], oldest - SETTINGS.gapMsMax))
        machines.set(device, machine);
    }
    return machines;
  }

  /** A bad record has used up a `seq` that its machine's next reading goes on from. */
  #remember(machines: ReadonlyMap<string, Machine>, skipped: ReadonlyMap<string, number>): void {
    if (this.#machines.size + machines.size > MACHINES_MAX) this.#machines = new Map();
    for (const [device, machine] of machines) this.#machines.set(device, machine);
    for (const [device, count] of skipped) {
      const machine = this.#machines.get(device);
      if (machine) this.#machines.set(device, { ...machine, seq: machine.seq + count });
    }
  }
}

/** Judges readings in order, moving `machines` on. */
function judgeAll(readings: readonly Reading[], machines: Map<string, Machine>): { lines: Line[]; alerts: Alert[] } {
  const lines: Line[] = [];
  const alerts: Alert[] = [];
  const moved = new Set<string>();
  for (const reading of readings) {
    const { device, ts, celsius, time } = reading;
    const machine = machines.get(device);
    if (machine && ts <= machine.ts) {
      lines.push(line('machine', device, { temperature_c: float(celsius) }, ts));
      continue;
    }
    const { state, score, alert } = judge(machine?.detector, celsius, time);
    machines.set(device, { seq: reading.seq, ts, detector: state });
    moved.add(device);
    const values = { temperature_c: float(celsius), baseline_c: float(state.baseline), score: float(score) };
    lines.push(line('machine', device, values, ts));
    if (!alert) continue;
    const raised = alertOf(reading, state.baseline, score);
    alerts.push(raised);
    lines.push(alertLine(raised, reading));
  }
  for (const device of moved) lines.push(stateLine(device, machines.get(device)!));
  return { lines, alerts };
}

function alertLine(alert: Alert, { device, ts, time }: Reading): Line {
  const fields = {
    score: float(alert.score),
    temperature_c: float(alert.temperatureC),
    baseline_c: float(alert.baselineC),
    recorded: integer(time),
    message: text(alert.message),
  };
  return line('alerts', device, fields, ts);
}
