'use strict';
/** What an environment does at each word of the node, from the first to the end of the channel. See bootstrap.js. */
const channel = require('./channel.js');
const { loadFunction, prepare } = require('./function.js');
const { Invocations } = require('./invocations.js');
const { dateNow, setImmediate: soon } = require('./primordials.js');
const { handOver, isHandedOver } = require('./successor.js');

const { KIND } = channel;

class Environment {
  #logging;
  #invocations;
  #onEnd;
  #attending = false;
  /** What it has been told, and made ready, while the function was not in its place yet: `{ config, environment }`. */
  #prepared;

  /** @param onEnd  the node has closed the channel */
  constructor(logging, onEnd) {
    this.#logging = logging;
    this.#invocations = new Invocations(channel, logging, this.#next);
    this.#onEnd = onEnd;
  }

  /** Waits for the node's word, in a turn of its own. */
  listen() {
    soon(this.#next);
  }

  async load(config) {
    if (handOver(config)) return;
    const failed = (error) => this.fatal('Uncaught Exception', error, 1);
    const inspected = config.inspectorPort !== undefined;
    if (inspected) await require('./inspector.js').openInspector(config.inspectorPort).catch(failed);
    const environment = this.#prepared?.environment ?? prepare(config, this.#logging);
    const loaded = await loadFunction(config, environment, failed);
    // A debugger sets breakpoints between invocations: a thread that blocks would not answer it.
    const byEvents = config.concurrency > 1 || config.attends || inspected;
    this.#invocations.serve(loaded, config.concurrency > 1);
    if (byEvents) this.#attend();
    // What had to wait may have registered an extension, which the node asks before anything is invoked.
    const first = byEvents || loaded.waited ? undefined : config.first;
    channel.initialised(first !== undefined);
    if (first) this.#begin(first);
    else this.listen();
  }

  fatal(title, error, code) {
    this.#invocations.fatal(title, error, code);
  }

  rejected(reason, promise) {
    this.#invocations.rejected(reason, promise);
  }

  /** The event loop has run empty. */
  onIdle() {
    this.#invocations.onIdle();
  }

  /** Waits for the node's next word. Runs in a turn of its own, after what the last handler left behind. */
  #next = () => {
    if (this.#attending) return;
    const frame = channel.read();
    if (!frame) return this.#onEnd();
    this.#take(frame);
  };

  #take(frame) {
    if (frame.kind === KIND.invoke) {
      const invocation = channel.parseInvoke(frame);
      return void soon(() => this.#invocations.run(invocation));
    }
    if (frame.kind === KIND.prepare) return this.#prepareFor(channel.parseConfig(frame));
    if (frame.kind === KIND.load) return void this.load(this.#prepared?.config ?? channel.parseConfig(frame));
    if (frame.kind === KIND.attend) return this.#attend();
    if (frame.kind === KIND.exec) return void require('./exec.js').become(channel.parseConfig(frame));
    if (frame.kind === KIND.snapshot)
      return void require('./snapshot/build.js').buildSnapshot(channel.parseConfig(frame));
    throw new Error(`frame of unknown kind ${frame.kind}`);
  }

  /** Reads the channel by events from now on: others in this process, or signals, need the event loop between invocations. */
  #attend() {
    if (this.#attending) return;
    this.#attending = true;
    channel.listen(
      (frame) => this.#take(frame),
      () => this.#onEnd(),
    );
  }

  /** All but the function's code, which may not run before its limits hold. */
  #prepareFor(config) {
    this.#prepared = { config, environment: isHandedOver(config) ? undefined : prepare(config, this.#logging) };
    this.#next();
  }

  /** The invocation that came with the load frame; its time counts from here. */
  #begin({ timeoutMs, ...first }) {
    const invocation = { ...first, sequence: 0, deadlineMs: dateNow() + timeoutMs };
    soon(() => this.#invocations.run(invocation));
  }
}

module.exports = { Environment };
