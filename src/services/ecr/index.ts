/**
 * services/ecr: a registry without repositories. Functions from images are not built, so nothing can be pushed; deployment tools ask
 * all the same whether there is a repository to clean up, and get a true answer.
 */
import { ACCOUNT_ID, DomainError } from '../../base/index.ts';
import type { Service, WireAnswer } from '../index.ts';
import { ECR_PERMISSIONS } from './permissions.ts';

/** - `repository-not-found`: none of that name; there are none at all. */
export type EcrErrorCode = 'repository-not-found';

const ECR_ANSWERS = {
  'repository-not-found': { status: 400, type: 'RepositoryNotFoundException' },
} satisfies Record<EcrErrorCode, WireAnswer>;

export const ecr: Service = {
  name: 'ecr',
  operations: {
    DescribeRepositories: ({ repositoryNames = [], registryId = ACCOUNT_ID }) => {
      const [name] = repositoryNames as readonly string[];
      if (name === undefined) return { repositories: [] };
      throw new DomainError(
        'repository-not-found' satisfies EcrErrorCode,
        `The repository with name '${name}' does not exist in the registry with id '${registryId}'`,
      );
    },
  },
  permissions: ECR_PERMISSIONS,
  errors: ECR_ANSWERS,
};
