/** patterns: event patterns of filter criteria, filter policies and rules. */
export { PatternInvalid } from './invalid.ts';
export { compilePattern, isOr, PATTERN_LIMITS, type Pattern, parsePattern } from './pattern.ts';
