import type { Clock } from '../base/index.ts';
import type { FunctionLogSink } from '../runtime/index.ts';
import type { Denial } from '../services/iam/index.ts';
import type { Caller } from '../services/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { FunctionCalls } from './function-calls.ts';
import { NODE_LIMITS } from './limits.ts';

/** What would let a refused call through. */
export interface Advice {
  /** In words, with the statement where one is missing. */
  readonly text: string;
  /** To be pasted into a policy; absent where a statement must go instead. */
  readonly statement?: { readonly Effect: 'Allow'; readonly Action: string; readonly Resource: string };
}

/** What to do about a denial, for those who keep the policies. */
export function adviceOf(caller: Caller, { action, resource, kind, source, by }: Denial): Advice {
  const who = holderOf(caller);
  if (kind === 'explicit-deny') {
    const where = by?.policy === undefined ? `its ${source}` : `${source} ${by.policy}`;
    return { text: `${action} on ${resource} is denied to ${who} by statement ${by?.statement} of ${where}` };
  }
  const statement = { Effect: 'Allow', Action: action, Resource: resource } as const;
  return { text: `${who} lacks in its ${source}: ${JSON.stringify(statement)}`, statement };
}

/** `role/NAME`, `user/NAME`: whose policies are to be changed. */
function holderOf({ arn, session }: Caller): string {
  return (session?.principalArn ?? arn).split(':').slice(5).join(':') || arn;
}

/**
 * Tells of denials: the log of the node, and that of the function whose call was refused, where its developer looks. The same denial is
 * told once in a while, however often it happens, and of one principal so many at most: whoever floods the log hides nobody else's.
 */
export class Denials {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #calls: Pick<FunctionCalls, 'logOf'>;
  readonly #writeLog: FunctionLogSink['write'];
  /** Of each principal, when each was told last, the longest ago first; of the principals, who was refused the longest ago first. */
  readonly #told = new Map<string, Map<string, number>>();

  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly calls: Pick<FunctionCalls, 'logOf'>;
    readonly writeLog: FunctionLogSink['write'];
  }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#calls = options.calls;
    this.#writeLog = options.writeLog;
  }

  tell(caller: Caller, denial: Denial, requestId: string): void {
    const now = this.#clock.now();
    const { action } = denial;
    // Callers choose names: what no resource is called is not worth a log.
    const resource = denial.resource.slice(0, NODE_LIMITS.denialResourceCharactersMax);
    const log = this.#calls.logOf(caller.accessKeyId);
    // Sessions of a role are named by whoever takes it on; functions are told apart, since each has a developer who looks for its own.
    const principal = `${caller.session?.principalArn ?? caller.arn} ${log?.group ?? ''}`;
    if (!this.#isNews(principal, `${caller.arn} ${action} ${resource}`, now)) return;
    const { text, statement } = adviceOf(caller, { ...denial, resource });
    this.#logger.warn('access-denied', { principal: caller.arn, action, resource, advice: text, statement, requestId });
    if (!log) return;
    const stream = `${new Date(now).toISOString().slice(0, 10).replaceAll('-', '/')}/access-denied`;
    this.#writeLog(log.group, stream, now, `ACCESS DENIED RequestId: ${requestId}\t${text}`, log.region);
  }

  #isNews(principal: string, key: string, now: number): boolean {
    const { denialsAgainMs, denialsToldMax } = NODE_LIMITS;
    const told = this.#toldOf(principal, now);
    if (!told) return false;
    const before = told.get(key);
    if (before !== undefined && now - before < denialsAgainMs) return false;
    told.delete(key);
    if (told.size >= denialsToldMax) {
      const [oldest, toldAt] = told.entries().next().value!;
      // Whoever asks for ever new names fills no disk with what they were refused; the audit log counts every one.
      if (now - toldAt < denialsAgainMs) return false;
      told.delete(oldest);
    }
    told.set(key, now);
    this.#told.delete(principal);
    this.#told.set(principal, told);
    return true;
  }

  /** What a principal was told of; `undefined` where too many others were told of something just now. */
  #toldOf(principal: string, now: number): Map<string, number> | undefined {
    const known = this.#told.get(principal);
    if (known) return known;
    if (this.#told.size >= NODE_LIMITS.denialsPrincipalsMax) {
      const [longestAgo, told] = this.#told.entries().next().value!;
      if (now - lastOf(told.values(), 0) < NODE_LIMITS.denialsAgainMs) return undefined;
      this.#told.delete(longestAgo);
    }
    return new Map();
  }
}

function lastOf<T>(values: Iterable<T>, none: T): T {
  let last = none;
  for (const value of values) last = value;
  return last;
}
