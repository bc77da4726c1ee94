/** policies: what all policy documents share, those of devices and those of identities: wildcards, variables, conditions. */
export { type Condition, holds, parseConditions, type Values } from './conditions.ts';
export { type Lookup, matchesWildcards, Pattern, parseTemplate, resolvePattern, type Template } from './pattern.ts';
