import type { FieldValue } from '../series.ts';
import type { FieldType, Shape } from './point-codec.ts';
import type { ColumnType } from './schema.ts';

/** Values of a column by row; a hole is null. */
type Values = (string | number | bigint | boolean | undefined)[];

/** A point that may replace or complete one that is there already. */
export interface Suspect {
  readonly time: bigint;
  readonly values: Map<string, FieldValue>;
}

/** Series whose last time is remembered; beyond it the memory begins anew, and the next points of each are looked up once. */
const SERIES_MAX = 1_000_000;

/**
 * Points of a measurement on their way to its table, column by column.
 *
 * A point later than all of its series cannot be there yet: it is only appended. Any other is a suspect, and is merged with what
 * the table holds. So the usual stream of ever later points costs no look-up, and the table never holds a point twice.
 */
export class MeasurementBuffer {
  readonly measurement: string;
  times: bigint[] = [];
  columns = new Map<string, Values>();
  types = new Map<string, ColumnType>();
  suspects = new Map<string, Suspect>();
  /** Time of the last point by series. */
  readonly #latest = new Map<string, bigint>();
  /** Series that are not remembered have no point after this. */
  #floor: bigint;
  #shape: Shape = { measurement: '', tags: [], fields: [] };
  #tagColumns: Values[] = [];
  #fieldColumns: Values[] = [];
  /** Indexes of the tags in the order of their names, which is the same for every order they are written in. */
  #tagOrder: number[] = [];

  constructor(measurement: string, floor: bigint) {
    this.measurement = measurement;
    this.#floor = floor;
  }

  get rowCount(): number {
    return this.times.length + this.suspects.size;
  }

  shape(shape: Shape): void {
    this.#shape = shape;
    this.#tagColumns = shape.tags.map((name) => this.#column(name, 'tag'));
    this.#fieldColumns = shape.fields.map(({ name, type }) => this.#column(name, type));
    this.#tagOrder = shape.tags.map((_, index) => index).sort((a, b) => (shape.tags[a]! < shape.tags[b]! ? -1 : 1));
  }

  point(time: bigint, tags: readonly string[], fields: readonly FieldValue[]): void {
    const series = this.#seriesKey(tags);
    const latest = this.#latest.get(series) ?? this.#floor;
    if (time <= latest) return this.#suspect(`${series}\0${time}`, time, tags, fields);
    if (this.#latest.size >= SERIES_MAX) this.#forget();
    this.#latest.set(series, time);
    const row = this.times.push(time) - 1;
    for (let i = 0; i < tags.length; i++) this.#tagColumns[i]![row] = tags[i]!;
    for (let i = 0; i < fields.length; i++) this.#fieldColumns[i]![row] = fields[i]!;
  }

  /** Takes the points out, to be written; what comes from now on is a new batch. */
  take(): Pick<MeasurementBuffer, 'measurement' | 'times' | 'columns' | 'types' | 'suspects'> {
    const { measurement, times, columns, types, suspects } = this;
    this.times = [];
    this.columns = new Map();
    this.types = new Map();
    this.suspects = new Map();
    return { measurement, times, columns, types, suspects };
  }

  #column(name: string, type: ColumnType | FieldType): Values {
    let values = this.columns.get(name);
    if (!values) {
      values = [];
      this.columns.set(name, values);
      this.types.set(name, type);
    }
    return values;
  }

  #seriesKey(tags: readonly string[]): string {
    let key = '';
    for (const index of this.#tagOrder) key += `${this.#shape.tags[index]}\0${tags[index]}\0`;
    return key;
  }

  #suspect(key: string, time: bigint, tags: readonly string[], fields: readonly FieldValue[]): void {
    const suspect = this.suspects.get(key) ?? { time, values: new Map<string, FieldValue>() };
    this.suspects.set(key, suspect);
    for (let i = 0; i < tags.length; i++) suspect.values.set(this.#shape.tags[i]!, tags[i]!);
    for (let i = 0; i < fields.length; i++) suspect.values.set(this.#shape.fields[i]!.name, fields[i]!);
  }

  #forget(): void {
    for (const time of this.#latest.values()) if (time > this.#floor) this.#floor = time;
    this.#latest.clear();
  }
}

export type Batch = ReturnType<MeasurementBuffer['take']>;
