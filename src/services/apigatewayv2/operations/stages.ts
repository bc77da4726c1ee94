import type { CreateDeploymentCommandInput } from '@aws-sdk/client-apigatewayv2';
import type { Operation } from '../../index.ts';
import { checkRoom, type HttpApis } from '../apis.ts';
import { checkStage, checkTags, partOf } from '../checks.ts';
import { badRequest, conflict } from '../errors.ts';
import { HTTP_API_LIMITS } from '../limits.ts';
import type { HttpApi, HttpDeployment, HttpStage } from '../model.ts';
import { laid, taken, without } from './changes.ts';
import { type PageInput, pageOf } from './paging.ts';

const MEMBERS = [
  'AccessLogSettings',
  'AutoDeploy',
  'ClientCertificateId',
  'DefaultRouteSettings',
  'DeploymentId',
  'Description',
  'RouteSettings',
  'StageVariables',
];

type Input = { readonly ApiId: string; readonly StageName: string } & Readonly<Record<string, string>>;

/** Operations of stages. */
export function stageOperations(apis: HttpApis): Record<string, Operation> {
  const change = async ({ ApiId, StageName }: Input, region: string, decide: (stage: HttpStage) => HttpStage) => {
    const api = await apis.change(region, ApiId, (before) => {
      const stage = { ...decide(partOf(before.stages, StageName, 'stage')), updatedAt: apis.clock.now() };
      check(stage, before);
      return { ...before, stages: { ...before.stages, [StageName]: stage } };
    });
    return stageShape(api.stages[StageName]!);
  };
  return {
    CreateStage: async (input: Input, { region }) => {
      const { StageName } = input;
      checkTags((input.Tags as unknown as Record<string, string>) ?? {});
      const now = apis.clock.now();
      const defaults = { AutoDeploy: false, DefaultRouteSettings: { DetailedMetricsEnabled: false } };
      const blank = { ...defaults, RouteSettings: {}, StageVariables: {}, StageName, createdAt: now, updatedAt: now };
      const api = await apis.change(region, input.ApiId, (before) => {
        if (Object.hasOwn(before.stages, StageName)) throw conflict('Stage already exists');
        checkRoom('stages', before.stages, HTTP_API_LIMITS.stagesMax);
        const stage = laid(blank, taken(input, [...MEMBERS, 'Tags']));
        check(stage, before);
        return { ...before, stages: { ...before.stages, [StageName]: stage } };
      });
      return stageShape(api.stages[StageName]!);
    },
    GetStage: ({ ApiId, StageName }: Input, { region }) =>
      stageShape(partOf(apis.get(region, ApiId).stages, StageName, 'stage')),
    GetStages: (input: Input & PageInput, { region }) => {
      const all = Object.values(apis.get(region, input.ApiId).stages);
      const { items, ...next } = pageOf(all, ({ StageName }) => StageName, input);
      return { Items: items.map(stageShape), ...next };
    },
    UpdateStage: (input: Input, { region }) => change(input, region, (stage) => laid(stage, taken(input, MEMBERS))),
    DeleteStage: async ({ ApiId, StageName }: Input, { region }) => {
      await apis.change(region, ApiId, (before) => {
        partOf(before.stages, StageName, 'stage');
        const isMapped = apis
          .domains()
          .some(({ mappings }) =>
            Object.values(mappings).some((one) => one.ApiId === ApiId && one.Stage === StageName),
          );
        if (isMapped) throw badRequest('Deleting the stage is not allowed while it is mapped to a domain name.');
        return { ...before, stages: without(before.stages, StageName) };
      });
    },
    DeleteAccessLogSettings: async (input: Input, { region }) => {
      await change(input, region, ({ AccessLogSettings: _gone, ...stage }) => stage);
    },
    DeleteRouteSettings: async (input: Input, { region }) => {
      await change(input, region, (stage) => {
        const settings = stage.RouteSettings ?? {};
        partOf(settings, input.RouteKey!, 'RouteSettings');
        return { ...stage, RouteSettings: without(settings, input.RouteKey!) };
      });
    },
    ResetAuthorizersCache: ({ ApiId, StageName }: Input, { region }) => {
      partOf(apis.get(region, ApiId).stages, StageName, 'stage');
      apis.resetAuthorizers(ApiId, StageName);
    },
  };
}

/** Operations of deployments. */
export function deploymentOperations(apis: HttpApis): Record<string, Operation> {
  return {
    CreateDeployment: async ({ ApiId, StageName, Description }: CreateDeploymentCommandInput, { region }) =>
      deploymentShape(await apis.deploy(region, ApiId!, { stageName: StageName, description: Description })),
    GetDeployment: ({ ApiId, DeploymentId }: Input, { region }) =>
      deploymentShape(partOf(apis.get(region, ApiId).deployments, DeploymentId!, 'Deployment')),
    GetDeployments: (input: Input & PageInput, { region }) => {
      const all = Object.values(apis.get(region, input.ApiId).deployments);
      const { items, ...next } = pageOf(all, ({ DeploymentId }) => DeploymentId, input);
      return { Items: items.map(deploymentShape), ...next };
    },
    UpdateDeployment: async ({ ApiId, DeploymentId, Description }: Input, { region }) => {
      const api = await apis.change(region, ApiId, (before) => {
        const deployment = partOf(before.deployments, DeploymentId!, 'Deployment');
        return {
          ...before,
          deployments: { ...before.deployments, [DeploymentId!]: laid(deployment, { Description }) },
        };
      });
      return deploymentShape(api.deployments[DeploymentId!]!);
    },
    DeleteDeployment: async ({ ApiId, DeploymentId }: Input, { region }) => {
      await apis.deleteDeployment(region, ApiId, DeploymentId!);
    },
  };
}

function check(stage: HttpStage, api: HttpApi): void {
  checkStage(stage);
  const { DeploymentId } = stage;
  if (DeploymentId !== undefined && !Object.hasOwn(api.deployments, DeploymentId)) {
    throw badRequest(`Invalid Deployment identifier specified: ${DeploymentId}`);
  }
}

export function stageShape({ createdAt, updatedAt, ...stage }: HttpStage) {
  return { ...stage, CreatedDate: new Date(createdAt), LastUpdatedDate: new Date(updatedAt) };
}

function deploymentShape({ createdAt, ...deployment }: HttpDeployment) {
  return { ...deployment, CreatedDate: new Date(createdAt) };
}
