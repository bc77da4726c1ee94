/** Mapping templates: the Velocity Template Language as API Gateway speaks it. */
export { Functions, type Value, valueOfJson } from './methods.ts';
export { parseTemplate } from './parse.ts';
export { renderTemplate, TEMPLATE_LIMITS } from './render.ts';
export { type Node, TemplateError } from './syntax.ts';
