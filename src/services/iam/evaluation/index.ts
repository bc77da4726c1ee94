/** evaluation: what policies say about a request. Pure but for what it keeps ready; knows neither HTTP nor stores. */
export { type Principal, type RequestFacts, valuesOf } from './context.ts';
export { Decider, type DeciderOptions, type Principals, requesterOf, type Verdict } from './decider.ts';
export { type Policy, type PolicyKind, parsePolicy } from './document.ts';
export { type Decision, evaluate, type Match } from './evaluate.ts';
export type { Requester } from './principals.ts';
export { type Denial, denialOf } from './words.ts';
