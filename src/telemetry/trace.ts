import type { Random } from '../base/index.ts';

/** Where we are in a distributed trace (W3C Trace Context, level 1). */
export interface TraceContext {
  /** 32 lower-case hex digits, not all zero. */
  readonly traceId: string;
  /** Span that caused this work: 16 lower-case hex digits, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
  /** It begins here and nobody has decided yet whether it is sampled: a function that traces on its own may. */
  readonly undecided?: true;
  /** Functions that have run in this chain of requests, and how often: what loops are detected by. Opaque here. */
  readonly lineage?: string;
}

/** A lineage, as headers carry it: an opaque text of bounded length. */
const LINEAGE = /(?:^|;)\s*Lineage=([0-9a-f:|]{1,200})(?:;|$)/;

/** Begins a new trace. @param sampled  absent leaves that to whoever traces */
export function newTrace(random: Random, sampled?: boolean): TraceContext {
  const ids = { traceId: random.bytes(16).toString('hex'), spanId: newSpanId(random) };
  return sampled === undefined ? { ...ids, sampled: false, undecided: true } : { ...ids, sampled };
}

export function newSpanId(random: Random): string {
  return random.bytes(8).toString('hex');
}

/** Reads `traceparent`; `undefined` when it is malformed: then a new trace begins, as the specification asks. */
export function parseTraceparent(text: string): TraceContext | undefined {
  const match = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/.exec(text);
  if (!match || /^0+$/.test(match[1]!) || /^0+$/.test(match[2]!)) return undefined;
  return { traceId: match[1]!, spanId: match[2]!, sampled: (Number.parseInt(match[3]!, 16) & 1) === 1 };
}

export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;
}

/** `X-Amzn-Trace-Id` of the same trace: the first 8 hex digits stand for the epoch, as X-Ray's W3C mapping does it. */
export function formatXRay(trace: TraceContext): string {
  const { traceId } = trace;
  const lineage = trace.lineage === undefined ? '' : `;Lineage=${trace.lineage}`;
  const sampled = trace.sampled ? 1 : 0;
  return `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${trace.spanId};Sampled=${sampled}${lineage}`;
}

/** Reads `X-Amzn-Trace-Id`; a header without a parent gets `spanId` made from the trace id's tail. */
export function parseXRay(text: string): TraceContext | undefined {
  const root = /(?:^|;)\s*Root=1-([0-9a-f]{8})-([0-9a-f]{24})/i.exec(text);
  if (!root) return undefined;
  const traceId = (root[1]! + root[2]!).toLowerCase();
  const parent = /(?:^|;)\s*Parent=([0-9a-f]{16})/i.exec(text)?.[1]?.toLowerCase();
  const sampled = !/(?:^|;)\s*Sampled=0/.test(text);
  return { traceId, spanId: parent ?? traceId.slice(16), sampled, ...lineageOf(text) };
}

/** The lineage in `X-Amzn-Trace-Id`. */
export function lineageOf(text: string): Pick<TraceContext, 'lineage'> {
  const lineage = LINEAGE.exec(text)?.[1];
  return lineage === undefined ? {} : { lineage };
}
