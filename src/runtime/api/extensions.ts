import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Random, uuid } from '../../base/index.ts';
import { ACCEPTED, outOfTurn, REQUEST_TOO_LARGE, refusal, send, TRUNCATED } from './answers.ts';
import { readBody } from './bodies.ts';
import { type ExtensionCall, type ExtensionState, stepExtension, WANTED } from './extension-state.ts';
import { API_LIMITS } from './limits.ts';

export type ExtensionEvent = 'INVOKE' | 'SHUTDOWN';

/** One extension of an environment. */
export interface Extension {
  readonly name: string;
  /** An executable of its own in `/opt/extensions`; else a part of the runtime's process, which gets no SHUTDOWN. */
  readonly external: boolean;
  readonly id: string;
  state: ExtensionState;
  events: readonly ExtensionEvent[];
  /** Its request for the next event, while it waits. */
  waiting: ServerResponse | undefined;
  /** Events that came before it asked, oldest first: never more than invocations run at once, and the last. */
  readonly pending: string[];
}

/** Function that extensions are told about when they register. */
export interface ExtensionHome {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly handler: string;
  readonly accountId: string;
}

/** Who is told what extensions say. */
export interface ExtensionsHost {
  onRegistered(extension: Extension): void;
  /** It waits for an event. */
  onReady(extension: Extension): void;
  /** It gave up: the environment cannot go on. */
  onError(extension: Extension, errorType: string, errorMessage: string): void;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TYPE = /^[A-Za-z0-9_.]{1,128}$/;
const NAME_LENGTH_MAX = 128;

/** The Extensions API (2020-01-01) of one environment. */
export class Extensions {
  readonly #home: ExtensionHome;
  readonly #random: Random;
  readonly #host: ExtensionsHost;
  readonly #byName = new Map<string, Extension>();
  readonly #byId = new Map<string, Extension>();
  /** Init is over: internal extensions cannot register any more. */
  #closed = false;

  constructor(home: ExtensionHome, random: Random, host: ExtensionsHost) {
    this.#home = home;
    this.#random = random;
    this.#host = host;
  }

  /** Makes the executables known that are started for this environment. */
  expect(names: readonly string[]): void {
    for (const name of names) this.#add(name, true);
  }

  get all(): readonly Extension[] {
    return [...this.#byName.values()];
  }

  get any(): boolean {
    return this.#byName.size > 0;
  }

  get external(): readonly Extension[] {
    return this.all.filter(({ external }) => external);
  }

  /** Every executable has registered. */
  get registered(): boolean {
    return this.all.every(({ state }) => state !== 'Started');
  }

  /** Every one has asked for an event: what init waits for. */
  get ready(): boolean {
    return this.all.every(({ state }) => state === 'Ready');
  }

  /** Nobody who is told of invocations still works on one. */
  get idle(): boolean {
    for (const { state, events, pending } of this.#byName.values()) {
      if ((state !== 'Ready' || pending.length > 0) && events.includes('INVOKE')) return false;
    }
    return true;
  }

  named(name: string): Extension | undefined {
    return this.#byName.get(name);
  }

  closeRegistration(): void {
    this.#closed = true;
  }

  /** Gives an event to those who registered for it: at once, or when they next ask. */
  tell(event: ExtensionEvent, payload: Readonly<Record<string, unknown>>): void {
    const body = JSON.stringify({ eventType: event, ...payload });
    for (const extension of this.#byName.values()) {
      if (!extension.events.includes(event)) continue;
      extension.pending.push(body);
      this.#deliver(extension);
    }
  }

  register(request: IncomingMessage, response: ServerResponse): void {
    const name = request.headers['lambda-extension-name'];
    const features = String(request.headers['lambda-extension-accept-feature'] ?? '').split(',');
    readBody(request, API_LIMITS.requestBytesMax, (body) => {
      if (body.kind !== 'whole') return send(response, body.kind === 'cut' ? TRUNCATED : REQUEST_TOO_LARGE);
      if (typeof name !== 'string' || name === '' || name.length > NAME_LENGTH_MAX) {
        return send(response, refusal(403, 'Extension.InvalidExtensionName', 'Empty extension name'));
      }
      const events = eventsOf(body.bytes);
      if (typeof events === 'string') return send(response, refusal(403, 'InvalidRequestFormat', events));
      this.#register(name, events, features.map((feature) => feature.trim()).includes('accountId'), response);
    });
  }

  next(request: IncomingMessage, response: ServerResponse): void {
    const extension = this.#identify(request, response);
    if (!extension || !this.#step(extension, 'next', 'Extension.InvalidExtensionState', response)) return;
    if (extension.waiting) {
      const stale = outOfTurn('Extension.InvalidExtensionState', 'Ready', 'Ready', `extension ${extension.name}`);
      send(extension.waiting, stale);
    }
    extension.waiting = response;
    if (extension.pending.length > 0) return this.#deliver(extension);
    this.#host.onReady(extension);
  }

  fail(call: 'init-error' | 'exit-error', request: IncomingMessage, response: ServerResponse): void {
    const extension = this.#identify(request, response);
    if (!extension) return;
    const errorType = request.headers['lambda-extension-function-error-type'];
    readBody(request, API_LIMITS.requestBytesMax, (body) => {
      if (body.kind !== 'whole') return send(response, body.kind === 'cut' ? TRUNCATED : REQUEST_TOO_LARGE);
      if (typeof errorType !== 'string' || !TYPE.test(errorType)) {
        const missing = 'Lambda-Extension-Function-Error-Type not found';
        return send(response, refusal(403, 'Extension.MissingHeader', missing));
      }
      if (!this.#step(extension, call, 'Extension.InvalidExtensionState', response)) return;
      send(response, ACCEPTED);
      this.#host.onError(extension, errorType, messageIn(body.bytes));
    });
  }

  /** Whose request it is; answers those that do not say it. */
  identify(request: IncomingMessage, response: ServerResponse): Extension | undefined {
    return this.#identify(request, response);
  }

  #register(name: string, events: readonly string[], accountId: boolean, response: ServerResponse): void {
    const known = this.#byName.get(name);
    const external = known?.external === true;
    const wrong = events.find((event) => event !== 'INVOKE' && !(external && event === 'SHUTDOWN'));
    if (wrong !== undefined) {
      const why = wrong === 'SHUTDOWN' ? 'Event is not supported for internal extensions' : 'Invalid event type';
      return send(response, refusal(403, 'Extension.InvalidEventType', `${wrong}: ${why}`));
    }
    const extension = external ? known : this.#addInternal(name, known, response);
    if (!extension || !this.#step(extension, 'register', 'Extension.InvalidExtensionState', response)) return;
    extension.events = events as readonly ExtensionEvent[];
    const { functionName, functionVersion, handler } = this.#home;
    const home = { functionName, functionVersion, handler, ...(accountId ? { accountId: this.#home.accountId } : {}) };
    send(response, { status: 200, body: JSON.stringify(home) }, ['Lambda-Extension-Identifier', extension.id]);
    this.#host.onRegistered(extension);
  }

  #addInternal(name: string, known: Extension | undefined, response: ServerResponse): Extension | undefined {
    if (this.#closed) {
      const closed = 'Extension registration closed already';
      return refused(response, refusal(403, 'Extension.RegistrationClosed', closed));
    }
    if (known) {
      const taken = 'Extension with this name already registered';
      return refused(response, refusal(403, 'Extension.InvalidExtensionState', taken));
    }
    if (this.#byName.size >= API_LIMITS.extensionsMax) {
      const full = `Extension limit (${API_LIMITS.extensionsMax}) reached`;
      return refused(response, refusal(403, 'Extension.TooManyExtensions', full));
    }
    return this.#add(name, false);
  }

  #add(name: string, external: boolean): Extension {
    const id = uuid(this.#random);
    const extension: Extension = {
      name,
      external,
      id,
      state: 'Started',
      events: [],
      waiting: undefined,
      pending: [],
    };
    this.#byName.set(name, extension);
    this.#byId.set(id, extension);
    return extension;
  }

  #identify(request: IncomingMessage, response: ServerResponse): Extension | undefined {
    const id = request.headers['lambda-extension-identifier'];
    if (typeof id !== 'string' || id === '') {
      request.resume();
      const missing = 'Missing Lambda-Extension-Identifier header';
      return refused(response, refusal(403, 'Extension.MissingExtensionIdentifier', missing));
    }
    if (!UUID.test(id)) {
      request.resume();
      const invalid = 'Invalid Lambda-Extension-Identifier';
      return refused(response, refusal(403, 'Extension.InvalidExtensionIdentifier', invalid));
    }
    const extension = this.#byId.get(id.toLowerCase());
    // An executable that has not registered has not been told its identifier: whoever has it now has guessed.
    if (extension && extension.state !== 'Started') return extension;
    request.resume();
    return refused(response, refusal(403, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`));
  }

  #step(
    extension: Extension,
    call: Exclude<ExtensionCall, 'deliver'>,
    errorType: string,
    response: ServerResponse,
  ): boolean {
    const after = stepExtension(extension.state, call);
    if (!after) {
      const { state, name } = extension;
      send(response, outOfTurn(errorType, state, WANTED[call], `extension ${name}`));
      return false;
    }
    extension.state = after;
    return true;
  }

  #deliver(extension: Extension): void {
    const { waiting: response, pending } = extension;
    const after = response && pending.length > 0 ? stepExtension(extension.state, 'deliver') : undefined;
    if (!after) return;
    extension.state = after;
    extension.waiting = undefined;
    send(response!, { status: 200, body: pending.shift()! }, ['Lambda-Extension-Event-Identifier', uuid(this.#random)]);
  }
}

function refused(response: ServerResponse, answer: { status: number; body: string }): undefined {
  send(response, answer);
  return undefined;
}

/** @returns the events, or why the body says none */
function eventsOf(bytes: Buffer): readonly string[] | string {
  try {
    const { events = [], configurationKeys = [] } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    if (Array.isArray(configurationKeys) && configurationKeys.length > 0) {
      return 'configurationKeys are deprecated; use environment variables instead';
    }
    if (!Array.isArray(events) || !events.every((event) => typeof event === 'string')) {
      return 'events must be a list of names';
    }
    return [...new Set(events as string[])];
  } catch {
    return 'the body is no JSON object';
  }
}

function messageIn(bytes: Buffer): string {
  try {
    const { errorMessage } = JSON.parse(bytes.toString('utf8')) as { errorMessage?: unknown };
    return typeof errorMessage === 'string' ? errorMessage : '';
  } catch {
    return '';
  }
}
