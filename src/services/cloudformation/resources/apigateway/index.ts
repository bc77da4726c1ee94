import type { ResourceType } from '../resource-type.ts';
import { account, gatewayResponse, resource, restApi } from './apis.ts';
import { clientCertificate } from './certificates.ts';
import { documentationPart, documentationVersion } from './documentation.ts';
import { basePathMapping, domainName } from './domains.ts';
import { method } from './methods.ts';
import { authorizerWithPools, model, requestValidator } from './parts.ts';
import { apiKey, usagePlan, usagePlanKey } from './plans.ts';
import { deployment, stage } from './stages.ts';

export const API_GATEWAY_TYPES: Readonly<Record<string, ResourceType>> = {
  'AWS::ApiGateway::Account': account,
  'AWS::ApiGateway::ApiKey': apiKey,
  'AWS::ApiGateway::Authorizer': authorizerWithPools,
  'AWS::ApiGateway::BasePathMapping': basePathMapping,
  'AWS::ApiGateway::ClientCertificate': clientCertificate,
  'AWS::ApiGateway::Deployment': deployment,
  'AWS::ApiGateway::DocumentationPart': documentationPart,
  'AWS::ApiGateway::DocumentationVersion': documentationVersion,
  'AWS::ApiGateway::DomainName': domainName,
  'AWS::ApiGateway::GatewayResponse': gatewayResponse,
  'AWS::ApiGateway::Method': method,
  'AWS::ApiGateway::Model': model,
  'AWS::ApiGateway::RequestValidator': requestValidator,
  'AWS::ApiGateway::Resource': resource,
  'AWS::ApiGateway::RestApi': restApi,
  'AWS::ApiGateway::Stage': stage,
  'AWS::ApiGateway::UsagePlan': usagePlan,
  'AWS::ApiGateway::UsagePlanKey': usagePlanKey,
};
