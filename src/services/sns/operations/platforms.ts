import type { Operation } from '../../index.ts';
import type { Platforms } from '../platform.ts';
import { page } from './page.ts';

/** The operations on push services and devices. */
export function platformOperations(platforms: Platforms): Record<string, Operation> {
  return {
    CreatePlatformApplication: async ({ Name, Platform, Attributes = {} }, { region }) => ({
      PlatformApplicationArn: await platforms.createApplication(region, Name, Platform, Attributes),
    }),

    GetPlatformApplicationAttributes: ({ PlatformApplicationArn }) => ({
      Attributes: platforms.applicationAttributes(PlatformApplicationArn),
    }),

    SetPlatformApplicationAttributes: async ({ PlatformApplicationArn, Attributes = {} }) => {
      await platforms.setApplicationAttributes(PlatformApplicationArn, Attributes);
      return {};
    },

    ListPlatformApplications: ({ NextToken }, { region }) => {
      const { items, ...next } = page(platforms.applications(region), ({ arn }) => arn, NextToken);
      const shape = ({ arn }: { readonly arn: string }) => ({
        PlatformApplicationArn: arn,
        Attributes: platforms.applicationAttributes(arn),
      });
      return { PlatformApplications: items.map(shape), ...next };
    },

    DeletePlatformApplication: async ({ PlatformApplicationArn }) => {
      await platforms.deleteApplication(PlatformApplicationArn);
      return {};
    },

    CreatePlatformEndpoint: async ({ PlatformApplicationArn, Token, CustomUserData, Attributes = {} }) => ({
      EndpointArn: await platforms.createEndpoint(PlatformApplicationArn, Token, CustomUserData, Attributes),
    }),

    GetEndpointAttributes: ({ EndpointArn }) => ({ Attributes: platforms.endpoint(EndpointArn).attributes }),

    SetEndpointAttributes: async ({ EndpointArn, Attributes = {} }) => {
      await platforms.setEndpointAttributes(EndpointArn, Attributes);
      return {};
    },

    ListEndpointsByPlatformApplication: ({ PlatformApplicationArn, NextToken }) => {
      const { items, ...next } = page(platforms.endpoints(PlatformApplicationArn), ({ arn }) => arn, NextToken);
      return { Endpoints: items.map(({ arn, attributes }) => ({ EndpointArn: arn, Attributes: attributes })), ...next };
    },

    DeleteEndpoint: async ({ EndpointArn }) => {
      await platforms.deleteEndpoint(EndpointArn);
      return {};
    },
  };
}
