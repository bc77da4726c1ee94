import type { Operation, OperationContext } from '../../index.ts';
import { invalid } from '../errors.ts';
import { identifiersOf } from '../resources/importing.ts';
import { SAM_TRANSFORM } from '../sam/transform.ts';
import { readSource, requiredCapabilities } from '../stacks/preparation.ts';
import type { Stacks } from '../stacks/stacks.ts';
import type { ReadObjectAs } from '../template/location.ts';
import { isNoEcho } from '../template/parameters.ts';
import { parseTemplate, type Template } from '../template/template.ts';
import { templateBodyOf } from './requests.ts';

export function templateOperations(stacks: Stacks, readAs: ReadObjectAs): Readonly<Record<string, Operation>> {
  return {
    GetTemplate: (input, { region }) => {
      const definition =
        input.ChangeSetName === undefined
          ? stacks.definition(stacks.get(region, input.StackName))
          : stacks.changeSets.get(region, input.ChangeSetName, input.StackName).definition;
      // A stack under review, before its first change set is carried out: CDK asks then.
      if (!definition) return { TemplateBody: '', StagesAvailable: [] };
      const processed = input.TemplateStage === 'Processed';
      return {
        TemplateBody: processed ? JSON.stringify(definition.processed) : definition.templateBody,
        StagesAvailable: ['Original', 'Processed'],
      };
    },

    ValidateTemplate: async (input, context) => {
      const template = parseTemplate(readSource((await templateBodyOf(input, readAs(context)))!));
      return {
        Parameters: parametersShape(template, false),
        ...(template.description !== undefined && { Description: template.description }),
        ...capabilitiesShape(template),
        DeclaredTransforms: template.transforms,
      };
    },

    GetTemplateSummary: async (input, context) => {
      const template = parseTemplate(readSource(await summaryBody(stacks, readAs, input, context)));
      return {
        Parameters: parametersShape(template, true),
        ...(template.description !== undefined && { Description: template.description }),
        ...capabilitiesShape(template),
        ResourceTypes: [...new Set(Object.values(template.resources).map(({ Type }) => Type))],
        Version: '2010-09-09',
        ...(template.metadata !== undefined && { Metadata: JSON.stringify(template.metadata) }),
        DeclaredTransforms: template.transforms,
        ResourceIdentifierSummaries: identifierSummaries(template),
      };
    },
  };
}

/** By what resources of the template would be imported. */
function identifierSummaries({ resources }: Template): readonly object[] {
  const byType = Map.groupBy(Object.keys(resources), (id) => resources[id]!.Type);
  return [...byType].flatMap(([ResourceType, LogicalResourceIds]) => {
    const ResourceIdentifiers = identifiersOf(ResourceType);
    return ResourceIdentifiers ? [{ ResourceType, LogicalResourceIds, ResourceIdentifiers }] : [];
  });
}

async function summaryBody(
  stacks: Stacks,
  readAs: ReadObjectAs,
  input: Record<string, any>,
  context: OperationContext,
): Promise<string> {
  if (input.StackName === undefined) return (await templateBodyOf(input, readAs(context)))!;
  const definition = stacks.definition(stacks.get(context.region, input.StackName));
  if (!definition) throw invalid(`Stack with id ${input.StackName} does not exist`);
  return definition.templateBody;
}

function parametersShape(template: Template, withTypes: boolean): readonly object[] {
  return Object.entries(template.parameters).map(([ParameterKey, declaration]) => ({
    ParameterKey,
    ...(declaration.Default !== undefined && { DefaultValue: String(declaration.Default) }),
    NoEcho: isNoEcho(declaration),
    ...(declaration.Description !== undefined && { Description: declaration.Description }),
    ...(withTypes && {
      ParameterType: declaration.Type,
      ParameterConstraints: constraintsShape(declaration.AllowedValues),
    }),
  }));
}

function constraintsShape(allowed: readonly unknown[] | undefined): object {
  return allowed ? { AllowedValues: allowed.map(String) } : {};
}

/** A SAM function without a role makes one, which the source does not show yet. */
function capabilitiesShape(template: Template): object {
  const { required, reason } = requiredCapabilities(template);
  const serverless = template.transforms.includes(SAM_TRANSFORM);
  const capabilities = serverless ? [...new Set([...required, 'CAPABILITY_IAM', 'CAPABILITY_AUTO_EXPAND'])] : required;
  if (capabilities.length === 0) return {};
  return {
    Capabilities: capabilities,
    CapabilitiesReason: reason ?? 'The following resource(s) require capabilities: [AWS::IAM::Role]',
  };
}
