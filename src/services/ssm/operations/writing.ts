import type { Operation } from '../../index.ts';
import { parameterNotFound, SsmError } from '../errors.ts';
import { SSM_LIMITS } from '../limits.ts';
import type { Parameter } from '../model.ts';
import { askedFor, checkedName } from '../names.ts';
import { numberOf, type Parameters } from '../parameters.ts';

/** Operations that write parameters and their labels. */
export function writingOperations(parameters: Parameters): Record<string, Operation> {
  const changeLabels = async <T>(
    region: string,
    { Name, ParameterVersion }: { Name: string; ParameterVersion?: number },
    decide: (parameter: Parameter, version: number) => { labels: Readonly<Record<string, number>>; result: T },
  ): Promise<T> => {
    const { name } = parameters.find(region, askedFor(Name, region));
    let answer: { readonly result: T } | undefined;
    await parameters.update(region, name, (before) => {
      const version = numberOf(before, ParameterVersion === undefined ? undefined : String(ParameterVersion));
      const { labels, result } = decide(before, version);
      answer = { result };
      return { ...before, labels };
    });
    return answer!.result;
  };

  return {
    PutParameter: async (input, { region, caller }) => {
      const { version, tier } = await parameters.put(region, input, caller.arn);
      return { Version: version, Tier: tier };
    },

    DeleteParameter: async ({ Name }, { region }) => {
      const name = checkedName(Name, region);
      if (!(await parameters.delete(region, name))) throw parameterNotFound(name);
      return {};
    },

    DeleteParameters: async ({ Names }, { region }) => {
      const DeletedParameters: string[] = [];
      const InvalidParameters: string[] = [];
      for (const text of new Set<string>(Names)) {
        const was = await parameters.delete(region, text.trim());
        (was ? DeletedParameters : InvalidParameters).push(text);
      }
      return { DeletedParameters, InvalidParameters };
    },

    LabelParameterVersion: (input, { region }) =>
      changeLabels(region, input, (before, version) => {
        const asked: readonly string[] = [...new Set<string>(input.Labels)];
        const valid = asked.filter(isLabel);
        const labels = { ...before.labels, ...Object.fromEntries(valid.map((label) => [label, version])) };
        if (Object.values(labels).filter((number) => number === version).length > SSM_LIMITS.labelsMax) {
          throw new SsmError(
            'too-many-labels',
            `A parameter version can have maximum ${SSM_LIMITS.labelsMax} labels.Move one or more labels to another version and try again.`,
          );
        }
        const InvalidLabels = asked.filter((label) => !isLabel(label));
        return { labels, result: { InvalidLabels, ParameterVersion: version } };
      }),

    UnlabelParameterVersion: (input, { region }) =>
      changeLabels(region, input, (before, version) => {
        const asked: readonly string[] = [...new Set<string>(input.Labels)];
        const isThere = (label: string) => Object.hasOwn(before.labels, label) && before.labels[label] === version;
        const RemovedLabels = asked.filter(isThere);
        const InvalidLabels = asked.filter((label) => !isThere(label));
        const kept = Object.entries(before.labels).filter(([label]) => !RemovedLabels.includes(label));
        return { labels: Object.fromEntries(kept), result: { RemovedLabels, InvalidLabels } };
      }),
  };
}

function isLabel(label: string): boolean {
  return /^[a-zA-Z_.-][a-zA-Z0-9_.-]*$/.test(label) && !/^(aws|ssm)/i.test(label);
}
