export { readSegments, SEGMENT_LIMITS, type Segment, type SegmentReading } from './segments.ts';
