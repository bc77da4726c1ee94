/** evaluation: what policies say about a request. Pure but for what it keeps ready; knows neither HTTP nor stores. */
export type { RequestFacts } from './context.ts';
export { Decider, type DeciderOptions, type Principals, type Verdict } from './decider.ts';
export { type PolicyKind, parsePolicy } from './document.ts';
export type { Decision, Match } from './evaluate.ts';
export type { Requester } from './principals.ts';
export { type Denial, denialOf } from './words.ts';
