import { type Operation, pageOf } from '../../index.ts';
import { byPathFilter, describeFilter, isUnder } from '../filters.ts';
import { SSM_LIMITS } from '../limits.ts';
import type { Parameter } from '../model.ts';
import { arnOf, askedFor, checkedPath } from '../names.ts';
import { isMissing, numberOf, type Parameters } from '../parameters.ts';
import { factsShape, paging, parameterShape, valueShape } from './shapes.ts';

/** Operations that read. */
export function readingOperations(parameters: Parameters): Record<string, Operation> {
  return {
    GetParameter: async ({ Name, WithDecryption: decrypt = false }, { region }) => {
      const asked = askedFor(Name, region);
      const { parameter, version } = await parameters.version(region, asked);
      return { Parameter: parameterShape(parameter, version, { decrypt, selector: asked.selector }) };
    },

    GetParameters: async ({ Names, WithDecryption: decrypt = false }, { region }) => {
      const found: { name: string; shape: Record<string, unknown> }[] = [];
      const InvalidParameters: string[] = [];
      for (const text of new Set<string>(Names)) {
        try {
          const asked = askedFor(text, region);
          const { parameter, version } = await parameters.version(region, asked);
          const shape = parameterShape(parameter, version, { decrypt, selector: asked.selector });
          found.push({ name: parameter.name, shape });
        } catch (error) {
          if (!isMissing(error)) throw error;
          InvalidParameters.push(text);
        }
      }
      found.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
      return { Parameters: found.map(({ shape }) => shape), InvalidParameters };
    },

    GetParametersByPath: async (input, { region }) => {
      const { Path, Recursive = false, ParameterFilters = [], WithDecryption: decrypt = false } = input;
      const path = checkedPath(Path);
      const { matches, labels } = byPathFilter(ParameterFilters);
      const wanted = parameters
        .list(region, path === '/' ? '' : path)
        .filter((one) => isUnder(path, one.name, Recursive) && matches(one));
      const { page, token } = pageOf(wanted, nameOf, paging(SSM_LIMITS.byPathMax, input));
      const versions = await parameters.versions(
        page.map((parameter) => {
          const label = labels?.find((one) => Object.hasOwn(parameter.labels, one));
          return { parameter, number: numberOf(parameter, label) };
        }),
      );
      return {
        Parameters: versions.map(({ parameter, version }) => parameterShape(parameter, version, { decrypt })),
        ...(token !== undefined && { NextToken: token }),
      };
    },

    GetParameterHistory: async (input, { region }) => {
      const { Name, WithDecryption: decrypt = false } = input;
      const parameter = parameters.find(region, askedFor(Name, region));
      const { oldest, latest, labels } = parameter;
      const numbers = Array.from({ length: latest.version - oldest + 1 }, (_, at) => oldest + at);
      // Numbers as names that sort as they do.
      const name = (number: number) => String(number).padStart(16, '0');
      const { page, token } = pageOf(numbers, name, paging(SSM_LIMITS.historyMax, input));
      const versions = await parameters.versions(page.map((number) => ({ parameter, number })));
      return {
        Parameters: versions.map(({ version }) => ({
          ...factsShape(parameter, version),
          Value: valueShape(version, decrypt),
          Labels: Object.keys(labels).filter((label) => labels[label] === version.version),
        })),
        ...(token !== undefined && { NextToken: token }),
      };
    },

    DescribeParameters: (input, { region }) => {
      const { Filters = [], ParameterFilters = [], Shared = false } = input;
      const matches = describeFilter(ParameterFilters);
      // The older form compares beginnings of names.
      const older = describeFilter(
        Filters.map(({ Key, Values }: { Key: string; Values: readonly string[] }) => {
          return { Key, Values, Option: Key === 'Name' ? 'BeginsWith' : 'Equals' };
        }),
      );
      // Nobody shares parameters with the one account that there is.
      const found = Shared ? [] : parameters.list(region).filter((one) => matches(one) && older(one));
      const { page, token } = pageOf(found, nameOf, paging(SSM_LIMITS.describeMax, input));
      return {
        Parameters: page.map((one) => ({ ...factsShape(one, one.latest), ARN: arnOf(region, one.name) })),
        ...(token !== undefined && { NextToken: token }),
      };
    },
  };
}

function nameOf({ name }: Parameter): string {
  return name;
}
