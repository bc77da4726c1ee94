import { changes } from './properties.ts';
import type { ResourceType } from './resource-type.ts';

/** Which constructs an application of CDK is made of, for AWS's statistics: nothing is made of it. */
const metadata: ResourceType = {
  properties: { Analytics: changes('text') },
  attributes: [],

  async create(_properties, work) {
    const physicalId = `${work.identity.name}-${work.logicalId}`;
    await work.made(physicalId);
    return { physicalId, attributes: {} };
  },

  async update(existing) {
    return existing;
  },

  async delete() {},
};

export const CDK_TYPES: Readonly<Record<string, ResourceType>> = { 'AWS::CDK::Metadata': metadata };
