import type { Counter, Histogram, Labels, Metrics } from '../telemetry/index.ts';

interface OperationInstruments {
  readonly labels: Labels;
  /** By the first digit of the status. */
  readonly answers: Map<number, Counter>;
  readonly seconds: Histogram;
}

/** Counts and times calls by service and operation; names come from the tables only, so that clients cannot make new ones. */
export class CallInstruments {
  readonly #metrics: Metrics;
  readonly #operations = new Map<string, OperationInstruments>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  measure(service: string, operation: string, status: number, elapsedMs: number): void {
    const instruments = this.#instruments(service, operation);
    this.#answers(instruments, Math.floor(status / 100)).add();
    instruments.seconds.observe(elapsedMs / 1000);
  }

  #instruments(service: string, operation: string): OperationInstruments {
    const key = `${service}.${operation}`;
    const known = this.#operations.get(key);
    if (known) return known;
    const labels = { service, operation };
    const help = 'Time from the head of a call to the end of its answer';
    const seconds = this.#metrics.histogram('millrace_wire_call_seconds', help, labels);
    const instruments = { labels, answers: new Map<number, Counter>(), seconds };
    this.#operations.set(key, instruments);
    return instruments;
  }

  #answers({ labels, answers }: OperationInstruments, family: number): Counter {
    const known = answers.get(family);
    if (known) return known;
    const status = `${family}xx`;
    const counter = this.#metrics.counter('millrace_wire_calls_total', 'Calls answered', { ...labels, status });
    answers.set(family, counter);
    return counter;
  }
}
