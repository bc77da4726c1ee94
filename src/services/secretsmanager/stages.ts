/* Which version has which staging label: a label is on one version at a time, and AWSPREVIOUS follows where AWSCURRENT was. */
import { invalidParameter, SecretsError } from './errors.ts';
import { SECRETS_LIMITS } from './limits.ts';
import { CURRENT, PREVIOUS, type VersionFacts, type Versions } from './model.ts';

/** Id of the version that has a label. */
export function holderOf(versions: Versions, stage: string): string | undefined {
  return Object.keys(versions).find((id) => versions[id]!.stages.includes(stage));
}

/**
 * Puts a label on a version, or takes it away where `to` names none. Where AWSCURRENT leaves a version, AWSPREVIOUS goes there.
 * @throws limit-exceeded
 */
export function moveStage(versions: Versions, stage: string, to: string | undefined): Versions {
  const from = holderOf(versions, stage);
  if (from === to) return versions;
  const moved = withStage(withoutStage(versions, stage), stage, to);
  if (stage !== CURRENT || from === undefined) return moved;
  return withStage(withoutStage(moved, PREVIOUS), PREVIOUS, from);
}

/** A new version with its labels. @throws limit-exceeded */
export function addVersion(
  versions: Versions,
  id: string,
  facts: Omit<VersionFacts, 'stages'>,
  stages: readonly string[],
) {
  let all: Versions = { ...versions, [id]: { ...facts, stages: versions[id]?.stages ?? [] } };
  for (const stage of stages) all = moveStage(all, stage, id);
  return all;
}

/**
 * What UpdateSecretVersionStage asks for.
 * @throws invalid-parameter  the label is elsewhere than the caller believes, or AWSCURRENT would be nowhere
 */
export function changeStage(
  versions: Versions,
  stage: string,
  { from, to }: { readonly from: string | undefined; readonly to: string | undefined },
): Versions {
  const holder = holderOf(versions, stage);
  if (from !== undefined && from !== holder) {
    throw invalidParameter(`The staging label ${stage} isn't currently attached to version ${from}.`);
  }
  if (from === undefined && to === undefined) {
    throw invalidParameter('You must specify MoveToVersionId, RemoveFromVersionId, or both.');
  }
  if (to === undefined && stage === CURRENT) {
    throw invalidParameter(
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  }
  if (from === undefined && holder !== undefined && holder !== to) {
    throw invalidParameter(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  return moveStage(versions, stage, to);
}

/**
 * Makes room for one more version.
 * @returns the ids that go: the oldest without labels, a day old or more
 * @throws limit-exceeded  there are as many as are kept, and none may go
 */
export function outdated(versions: Versions, now: number): readonly string[] {
  const { versionsMax, versionAgeMsMin } = SECRETS_LIMITS;
  const excess = Object.keys(versions).length + 1 - versionsMax;
  if (excess <= 0) return [];
  const removable = Object.entries(versions)
    .filter(([, { stages, createdAt }]) => stages.length === 0 && now - createdAt >= versionAgeMsMin)
    .sort(([, a], [, b]) => a.createdAt - b.createdAt)
    .map(([id]) => id);
  if (removable.length >= excess) return removable.slice(0, excess);
  throw new SecretsError(
    'limit-exceeded',
    `A secret has at most ${versionsMax} versions, and those without staging labels are kept for a day: none can be removed now.`,
  );
}

function withStage(versions: Versions, stage: string, id: string | undefined): Versions {
  if (id === undefined) return versions;
  const { stages, ...facts } = versions[id]!;
  if (stages.length >= SECRETS_LIMITS.stagesMax) {
    throw new SecretsError('limit-exceeded', `A version has at most ${SECRETS_LIMITS.stagesMax} staging labels.`);
  }
  return { ...versions, [id]: { ...facts, stages: [...stages, stage].sort() } };
}

function withoutStage(versions: Versions, stage: string): Versions {
  const id = holderOf(versions, stage);
  if (id === undefined) return versions;
  const { stages, ...facts } = versions[id]!;
  return { ...versions, [id]: { ...facts, stages: stages.filter((one) => one !== stage) } };
}
