import type { FlowNode } from '../api.ts';
import { dateTime, duration } from '../format.ts';

export const timeWords = (ms: number | undefined) => (ms === undefined || ms === 0 ? '–' : duration(ms));

/** How many execution environments there are at the moment. */
export function environmentWords(node: FlowNode | undefined): string {
  const { busy = 0, idle = 0 } = node ?? {};
  const parts = [...(busy > 0 ? [`${busy} busy`] : []), ...(idle > 0 ? [`${idle} idle`] : [])];
  return parts.length === 0 ? 'none' : parts.join(', ');
}

/** Local date and time of `2026-11-30T09:33:16.559+0000`: without its colon not every browser reads a zone. */
export function changedWords(lastModified: string): string {
  return dateTime(Date.parse(lastModified.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')));
}
