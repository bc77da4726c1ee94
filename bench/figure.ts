/** One number that a benchmark reports. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What a peer or a bare loop reached in the same run. */
  readonly floor?: number;
  /** `value / floor`. */
  readonly ratio?: number;
  /** What was promised, in words. */
  readonly target?: string;
}
