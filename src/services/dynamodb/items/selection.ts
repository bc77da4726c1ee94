/* `Select`, and what it goes with. */
import { invalid } from '../errors.ts';
import type { BoundProjection } from '../expressions/index.ts';
import { keyNames } from '../model/projection.ts';
import type { Readable } from './range.ts';

export type Select = 'ALL_ATTRIBUTES' | 'ALL_PROJECTED_ATTRIBUTES' | 'SPECIFIC_ATTRIBUTES' | 'COUNT';

/** What a request says of the attributes that it wants. */
export interface SelectionRequest {
  readonly Select?: string | undefined;
  readonly IndexName?: string | undefined;
  readonly ProjectionExpression?: string | undefined;
  readonly AttributesToGet?: readonly string[] | undefined;
}

/** @param verb  what AWS calls the operation there. @throws DynamodbError `validation-failed`: `Select` does not go with the rest */
export function checkSelection(
  { Select, IndexName, ProjectionExpression, AttributesToGet }: SelectionRequest,
  verb: 'Querying' | 'Scanning',
): void {
  const names = ProjectionExpression !== undefined ? 'ProjectionExpression' : AttributesToGet && 'AttributesToGet';
  if (Select === 'SPECIFIC_ATTRIBUTES' && names === undefined) {
    throw invalid('Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES');
  }
  if (Select !== undefined && Select !== 'SPECIFIC_ATTRIBUTES' && names !== undefined) {
    throw invalid(`Cannot specify the ${names} when choosing to get ${Select === 'COUNT' ? 'only the Count' : Select}`);
  }
  if (Select === 'ALL_PROJECTED_ATTRIBUTES' && IndexName === undefined) {
    throw invalid(`ALL_PROJECTED_ATTRIBUTES can be used only when ${verb} using an IndexName`);
  }
}

/**
 * Whether items must be read from the table, since the index has not all that is wanted: local indexes only.
 * @throws DynamodbError `validation-failed`: a global index has not what is wanted
 */
export function mustFetch(
  { table, index }: Readable,
  select: string | undefined,
  projection: BoundProjection | undefined,
): boolean {
  if (!index || index.projection.type === 'ALL') return false;
  if (select === 'ALL_ATTRIBUTES') {
    if (index.kind === 'local') return true;
    throw invalid(
      'One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary index ' +
        `${index.name} because its projection type is not ALL`,
    );
  }
  if (!projection) return false;
  const names = index.projection.type === 'INCLUDE' ? index.projection.names : [];
  const has = new Set([...keyNames(table.key), ...keyNames(index.key), ...names]);
  const missing = [...new Set(projection.paths.map((path) => String(path[0])))].filter((name) => !has.has(name));
  if (missing.length === 0) return false;
  if (index.kind === 'local') return true;
  throw invalid(
    'One or more parameter values were invalid: Global secondary index ' +
      `${index.name} does not project [${missing.join(', ')}]`,
  );
}
