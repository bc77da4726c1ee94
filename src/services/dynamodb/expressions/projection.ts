import type { Attributes } from '../model/attribute-value.ts';
import type { Bindings, DocumentPath } from './bindings.ts';
import { kept } from './cache.ts';
import { problemOfPaths, project } from './paths.ts';
import { bindAll, Slots } from './slots.ts';
import { Cursor, refused } from './syntax.ts';

/** A projection with the names of a request. */
export interface BoundProjection {
  /** What of an item is answered. */
  project(attributes: Attributes): Attributes;
  readonly paths: readonly DocumentPath[];
}

/** A projection, whatever names come with it. */
export interface CompiledProjection {
  /** @throws DynamodbError `validation-failed`: names that are not there, paths that overlap */
  bind(bindings: Bindings): BoundProjection;
}

/**
 * Compiles a projection, or finds what was made of its text before.
 * @throws DynamodbError `validation-failed`, as AWS words it
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
 */
export const compileProjection = kept((text, parameter: 'ProjectionExpression'): CompiledProjection => {
  const cursor = new Cursor(text, parameter, []);
  const nodes = cursor.list(() => cursor.path());
  cursor.finish(() => undefined);
  const slots = new Slots(parameter);
  const steps = nodes.map((node) => slots.path(node).bind);
  return {
    bind: (bindings) => {
      const { paths } = bindAll(steps, bindings);
      const problem = problemOfPaths(paths);
      if (problem !== undefined) throw refused(parameter, problem);
      return projectionOf(paths);
    },
  };
});

/** A projection to `paths`, none part of another. */
export function projectionOf(paths: readonly DocumentPath[]): BoundProjection {
  return { paths, project: (attributes) => project(attributes, paths) };
}
