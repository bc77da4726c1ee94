import { SsmError } from '../errors.ts';
import { DEFAULT_KEY_ID, type Parameter, type ParameterVersion, type VersionFacts } from '../model.ts';
import { arnOf } from '../names.ts';

/** A parameter with a value, as the API has it. */
export function parameterShape(
  { region, name, type }: Parameter,
  version: ParameterVersion,
  { decrypt, selector }: { readonly decrypt: boolean; readonly selector?: string | undefined },
): Record<string, unknown> {
  return {
    Name: name,
    Type: type,
    Value: valueShape(version, decrypt),
    Version: version.version,
    ...(selector !== undefined && { Selector: `:${selector}` }),
    LastModifiedDate: new Date(version.modifiedAt),
    ARN: arnOf(region, name),
    DataType: version.dataType,
  };
}

export function valueShape({ value, cipher }: ParameterVersion, decrypt: boolean): string {
  return decrypt || cipher === undefined ? value : cipher;
}

/** What DescribeParameters and GetParameterHistory tell alike. */
export function factsShape({ name, type }: Parameter, facts: VersionFacts): Record<string, unknown> {
  const { description, allowedPattern, policies = [] } = facts;
  return {
    Name: name,
    Type: type,
    ...(type === 'SecureString' && { KeyId: DEFAULT_KEY_ID }),
    LastModifiedDate: new Date(facts.modifiedAt),
    LastModifiedUser: facts.modifiedBy,
    ...(description !== undefined && { Description: description }),
    ...(allowedPattern !== undefined && { AllowedPattern: allowedPattern }),
    Version: facts.version,
    Tier: facts.tier,
    Policies: policies.map((policy) => ({
      PolicyText: policy.text,
      PolicyType: policy.type,
      PolicyStatus: 'Pending',
    })),
    DataType: facts.dataType,
  };
}

/** How a list operation is asked for a page. */
export function paging(max: number, { MaxResults, NextToken }: { MaxResults?: number; NextToken?: string }) {
  return {
    max: Math.min(MaxResults ?? max, max),
    token: NextToken,
    invalid: () => new SsmError('invalid-token', "The specified token isn't valid."),
  };
}
