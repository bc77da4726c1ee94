import { EXPRESSION_LIMITS } from './limits.ts';

/**
 * Keeps what `compile` has made of a text, for each of its parameters: the ones used last, up to a number.
 * What it throws is not kept.
 */
export function kept<Parameter extends string, Compiled>(
  compile: (text: string, parameter: Parameter) => Compiled,
): (text: string, parameter: Parameter) => Compiled {
  const byParameter = new Map<Parameter, Map<string, Compiled>>();
  return (text, parameter) => {
    const byText = byParameter.get(parameter) ?? new Map<string, Compiled>();
    byParameter.set(parameter, byText);
    const found = byText.get(text);
    if (found !== undefined) {
      // A map keeps the order of insertion: the ones used last stand at its end.
      byText.delete(text);
      byText.set(text, found);
      return found;
    }
    const compiled = compile(text, parameter);
    byText.set(text, compiled);
    if (byText.size > EXPRESSION_LIMITS.compiledKept) byText.delete(byText.keys().next().value!);
    return compiled;
  };
}
