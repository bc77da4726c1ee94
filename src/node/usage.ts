import { hasCode } from '../base/index.ts';
import type { UsageRow, UsageSink } from '../services/lambda/index.ts';
import type { SeriesService } from '../services/series/index.ts';
import type { Series } from '../store/index.ts';

/** The database that the node keeps about itself. */
const SYSTEM_DATABASE = 'millrace';

/** Usage is kept for 13 months: a month can be held against that of the year before. */
const KEEP_MS = 400 * 86_400_000;

const NANOS_PER_MS = 1_000_000n;

/** Writes the usage of functions to the time series, measurement `usage`: `docs/metering.md` has its columns. */
export class SeriesUsage implements UsageSink {
  readonly #store: Series;
  readonly #series: Pick<SeriesService, 'write'>;
  #made = false;

  constructor(store: Series, series: Pick<SeriesService, 'write'>) {
    this.#store = store;
    this.#series = series;
  }

  async write(rows: readonly UsageRow[]): Promise<void> {
    await this.#makeDatabase();
    await this.#series.write(SYSTEM_DATABASE, rows.map(pointOf));
  }

  /** Only where it is not there: an operator may have given it another retention. */
  async #makeDatabase(): Promise<void> {
    if (this.#made) return;
    await this.#store.createDatabase(SYSTEM_DATABASE, { keepMs: KEEP_MS }).catch((error: unknown) => {
      if (!hasCode(error, 'database-exists')) throw error;
    });
    this.#made = true;
  }
}

function pointOf(row: UsageRow) {
  return {
    measurement: 'usage',
    tags: { function: row.function, version: row.version, region: row.region, start: row.start },
    fields: {
      invocations: BigInt(row.invocations),
      errors: BigInt(row.errors),
      duration_ms: row.durationMs,
      billed_ms: BigInt(row.billedMs),
      init_ms: row.initMs,
      restore_ms: row.restoreMs,
      memory_mb: BigInt(row.memoryMb),
      memory_used_mb: BigInt(Math.ceil(row.memoryUsedMbMax)),
      gb_seconds: row.gbSeconds,
    },
    time: BigInt(row.at) * NANOS_PER_MS,
  };
}
