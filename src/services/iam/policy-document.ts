import { iamError } from './errors.ts';

type Statement = Readonly<Record<string, unknown>>;

/** Elements of a statement, by whom its policy is for. */
const IDENTITY_ELEMENTS = new Set(['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']);
const TRUST_ELEMENTS = new Set(['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Condition']);

const CHARACTERS = /^[\t\n\r -\u00ff]*$/;
const VERSIONS: readonly unknown[] = ['2008-10-17', '2012-10-17'];

/** Checks a managed policy: as {@link checkIdentityPolicy}, and of the newer version. @throws malformed-policy */
export function checkManagedPolicy(text: string): void {
  if (parse(text, 'Syntax errors in policy.').Version === '2008-10-17') {
    throw malformed('Policy document must be version 2012-10-17 or greater.');
  }
  checkIdentityPolicy(text);
}

/** Checks an inline policy of a user, group or role. @throws malformed-policy, in AWS's words */
export function checkIdentityPolicy(text: string): void {
  for (const statement of statementsOf(parse(text, 'Syntax errors in policy.'))) {
    if ('Principal' in statement || 'NotPrincipal' in statement) {
      throw malformed('Policy document should not specify a principal.');
    }
    checkElements(statement, IDENTITY_ELEMENTS);
    checkActions(statement);
    if (one(statement, 'Resource', 'NotResource') === undefined)
      throw malformed('Policy statement must contain resources.');
    listOf(statement.Resource ?? statement.NotResource).forEach(checkResource);
  }
}

/** Checks who may assume a role. @throws malformed-policy, in AWS's words */
export function checkTrustPolicy(text: string): void {
  for (const statement of statementsOf(parse(text, 'This policy contains invalid Json'))) {
    if ('Resource' in statement) throw malformed('Has prohibited field Resource.');
    if ('NotResource' in statement) throw malformed('Has prohibited field Resource.');
    checkElements(statement, TRUST_ELEMENTS);
    checkActions(statement);
    if (one(statement, 'Principal', 'NotPrincipal') === undefined) {
      throw malformed('Missing required field Principal');
    }
    const foreign = listOf(statement.Action).some((action) => !/^(sts:.*|\*)$/i.test(action));
    if (foreign) throw malformed('AssumeRole policy may only specify STS AssumeRole actions.');
    checkPrincipal(statement.Principal ?? statement.NotPrincipal);
  }
}

/** @param unread  what AWS says of text that is no JSON; it differs between policies */
function parse(text: string, unread: string): Statement {
  if (!CHARACTERS.test(text)) throw iamError('validation', 'The specified value for policyDocument is invalid.');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw malformed(unread);
  }
  if (!isObject(document)) throw malformed('Syntax errors in policy.');
  const { Version = '2008-10-17', Id = '' } = document;
  if (!VERSIONS.includes(Version) || typeof Id !== 'string') throw malformed('Syntax errors in policy.');
  if (Object.keys(document).some((name) => !['Version', 'Id', 'Statement'].includes(name))) {
    throw malformed('Syntax errors in policy.');
  }
  return { ...document, Version };
}

function statementsOf({ Statement }: Statement): readonly Statement[] {
  const statements: readonly unknown[] = Array.isArray(Statement) ? Statement : [Statement];
  if (statements.length === 0 || !statements.every(isStatement)) throw malformed('Syntax errors in policy.');
  const sids = statements.map(({ Sid }) => Sid).filter((sid) => sid !== undefined && sid !== '');
  if (new Set(sids).size < sids.length) throw malformed('Statement IDs (SID) in a single policy must be unique.');
  return statements;
}

function isStatement(statement: unknown): statement is Statement {
  if (!isObject(statement)) return false;
  const { Effect, Sid = '', Condition = {} } = statement;
  return (Effect === 'Allow' || Effect === 'Deny') && typeof Sid === 'string' && isCondition(Condition);
}

/** `{ operator: { key: value or values } }`. */
function isCondition(condition: unknown): boolean {
  if (!isObject(condition)) return false;
  return Object.values(condition).every(
    (keys) => isObject(keys) && Object.values(keys).every((values) => [values].flat().every(isScalar)),
  );
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function checkElements(statement: Statement, known: ReadonlySet<string>): void {
  if (Object.keys(statement).some((name) => !known.has(name))) throw malformed('Syntax errors in policy.');
}

function checkActions(statement: Statement): void {
  if (one(statement, 'Action', 'NotAction') === undefined) throw malformed('Policy statement must contain actions.');
  for (const action of listOf(statement.Action ?? statement.NotAction)) {
    if (action === '*') continue;
    const [vendor, name, ...more] = action.split(':');
    if (name === undefined) {
      throw malformed('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.');
    }
    if (more.length > 0) throw malformed('Actions/Condition can contain only one colon.');
    if (!/^[A-Za-z0-9.-]*$/.test(vendor!) && vendor !== '*') throw malformed(`Vendor ${vendor} is not valid`);
  }
}

function checkResource(resource: string): void {
  if (resource === '*') return;
  const [prefix, partition, vendor, region, account, id] = resource.split(':');
  if (partition === undefined) throw malformed(`Resource ${resource} must be in ARN format or "*".`);
  if (!/^(aws(-[a-z]+)*|\*)$/.test(partition)) {
    const rest = [vendor || '*', region ?? '*', account ?? '*', id ?? '*'].join(':');
    throw malformed(`Partition "${partition}" is not valid for resource "arn:${partition}:${rest}".`);
  }
  if (vendor === undefined) throw malformed('Resource vendor must be fully qualified and cannot contain regexes.');
  if (vendor === 'iam' && region) throw malformed(`IAM resource ${resource} cannot contain region information.`);
  if (prefix !== 'arn' || (id === undefined && !resource.endsWith('*'))) {
    throw malformed('The policy failed legacy parsing');
  }
}

function checkPrincipal(principal: unknown): void {
  if (principal === '*') return;
  const kinds = isObject(principal) ? Object.entries(principal) : [];
  if (kinds.length === 0) throw malformed('Syntax errors in policy.');
  for (const [kind, names] of kinds) {
    if (!['AWS', 'Service', 'Federated', 'CanonicalUser'].includes(kind)) throw malformed('Syntax errors in policy.');
    for (const name of listOf(names)) {
      if (kind === 'AWS' && !/^(\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::.+|A[A-Z0-9]{15,})$/.test(name)) {
        throw malformed(`Invalid principal in policy: "AWS":"${name}"`);
      }
    }
  }
}

/** The one of two elements that a statement has. @throws malformed-policy when it has both */
function one(statement: Statement, name: string, opposite: string): unknown {
  if (name in statement && opposite in statement) throw malformed('Syntax errors in policy.');
  return statement[name] ?? statement[opposite];
}

/** A text or a list of texts, as a list. */
function listOf(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  if (list.some((item) => typeof item !== 'string')) throw malformed('Syntax errors in policy.');
  return list;
}

function isObject(value: unknown): value is Statement {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(message: string): Error {
  return iamError('malformed-policy', message);
}
