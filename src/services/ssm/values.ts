import { createContext, runInContext } from 'node:vm';
import { invalid, SsmError } from './errors.ts';
import { SSM_LIMITS } from './limits.ts';
import type { Parameter, Tier } from './model.ts';

const TIERS = 'https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html';

/** Refuses what no parameter may hold. @throws validation */
export function checkText(value: string): void {
  if (value === '') {
    throw invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.",
    );
  }
  if (/\{\{.*\}\}/s.test(value)) {
    throw invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.');
  }
}

/**
 * The tier that a version gets.
 *
 * @param asked  as the call has it; absent keeps the parameter's own
 * @throws validation  the value or its policies need another tier, or the parameter would lose what it has
 */
export function tierFor(
  asked: 'Standard' | 'Advanced' | 'Intelligent-Tiering' | undefined,
  before: Parameter | undefined,
  value: string,
  hasPolicies: boolean,
): Tier {
  const bytes = Buffer.byteLength(value);
  const has = before?.latest.tier;
  const { standardValueBytesMax, advancedValueBytesMax } = SSM_LIMITS;
  if (bytes > advancedValueBytesMax) {
    throw invalid(`Advanced tier parameters support a maximum parameter value of ${advancedValueBytesMax} characters.`);
  }
  if (asked === 'Standard' && has === 'Advanced') {
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
    );
  }
  const needsAdvanced = bytes > standardValueBytesMax || hasPolicies;
  if (asked === 'Advanced' || has === 'Advanced') return 'Advanced';
  if (asked === 'Intelligent-Tiering') return needsAdvanced ? 'Advanced' : 'Standard';
  if (bytes > standardValueBytesMax) {
    throw invalid(
      `Standard tier parameters support a maximum parameter value of ${standardValueBytesMax} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see ${TIERS}`,
    );
  }
  if (hasPolicies) {
    throw invalid(
      `Standard tier parameters don't support parameter policies. To use them, upgrade the parameter to use the advanced-parameter tier. For more information, see ${TIERS}`,
    );
  }
  return 'Standard';
}

/**
 * Holds a value against a pattern of the user's. A pattern may take ages over a value that it almost fits, and this thread has
 * other things to do: it has some milliseconds.
 *
 * @throws invalid-pattern, pattern-mismatch
 */
export function checkPattern(pattern: string, value: string): void {
  let fits: unknown;
  try {
    // The pattern and the value reach the code as data.
    const context = createContext(Object.assign(Object.create(null), { pattern, value }));
    fits = runInContext('new RegExp(pattern).test(value)', context, { timeout: SSM_LIMITS.patternMsMax });
  } catch (cause) {
    throw new SsmError(
      'invalid-pattern',
      `AllowedPattern ${pattern} is no regular expression, or takes too long over the value.`,
      { cause },
    );
  }
  if (fits === true) return;
  throw new SsmError('pattern-mismatch', `Parameter value, cannot be validated against allowedPattern: ${pattern}`);
}
