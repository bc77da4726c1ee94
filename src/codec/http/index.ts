/** Heads of plain HTTP/1.1 requests. */
export { PLAIN_HEAD_LIMITS, type PlainHead, type PlainMethod, readPlainHead } from './plain-head.ts';
