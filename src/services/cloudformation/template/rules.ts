import { invalid } from '../errors.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { asIntrinsic, isObject, type Json, sameJson } from './value.ts';

/**
 * Checks the `Rules` section: what parameters must be together.
 *
 * @throws validation  with the description of every assertion that does not hold
 * @see CloudFormation template reference, "Rule functions"
 */
export function checkRules(rules: Json | undefined, scope: Scope): void {
  if (rules === undefined) return;
  if (!isObject(rules)) throw invalid('Template format error: Rules section must be an object.');
  const broken: string[] = [];
  for (const [name, rule] of Object.entries(rules)) {
    if (!isObject(rule) || !Array.isArray(rule.Assertions)) {
      throw invalid(`Template format error: Rule ${name} must have Assertions.`);
    }
    if (rule.RuleCondition !== undefined && !holds(rule.RuleCondition, scope)) continue;
    for (const assertion of rule.Assertions as readonly Json[]) {
      if (!isObject(assertion) || assertion.Assert === undefined) {
        throw invalid(`Template format error: Every assertion of rule ${name} must contain an Assert member.`);
      }
      if (holds(assertion.Assert, scope)) continue;
      broken.push(typeof assertion.AssertDescription === 'string' ? assertion.AssertDescription : name);
    }
  }
  if (broken.length > 0) throw invalid(`Template constraints failed: ${broken.join('; ')}`);
}

function holds(expression: Json, scope: Scope): boolean {
  const intrinsic = asIntrinsic(expression);
  const operands = (Array.isArray(intrinsic?.argument) ? intrinsic.argument : []) as readonly Json[];
  const values = () => operands.map((operand) => ruleValue(operand, scope));
  switch (intrinsic?.name) {
    case 'Fn::And':
      return operands.every((operand) => holds(operand, scope));
    case 'Fn::Or':
      return operands.some((operand) => holds(operand, scope));
    case 'Fn::Not':
      return !holds(operands[0] ?? null, scope);
    case 'Fn::Equals': {
      const [left, right] = values();
      return sameJson(plain(left), plain(right));
    }
    case 'Fn::Contains': {
      const [list, item] = values();
      return listOf(list).includes(String(item));
    }
    case 'Fn::EachMemberEquals': {
      const [list, item] = values();
      return listOf(list).every((one) => one === String(item));
    }
    case 'Fn::EachMemberIn': {
      const [list, allowed] = values();
      return listOf(list).every((one) => listOf(allowed).includes(one));
    }
    case 'Condition':
      return scope.condition(String(intrinsic.argument));
    default:
      throw invalid(`Template format error: ${intrinsic?.name ?? JSON.stringify(expression)} is no function of rules`);
  }
}

/** What rules compare: parameters, alone or all of a type. */
function ruleValue(value: Json, scope: Scope): unknown {
  const intrinsic = asIntrinsic(value);
  if (intrinsic?.name === 'Fn::RefAll') {
    const { parameters } = scope.template;
    return Object.keys(parameters)
      .filter((name) => parameters[name]!.Type === intrinsic.argument)
      .map((name) => scope.parameter(name));
  }
  if (intrinsic?.name === 'Fn::ValueOf' || intrinsic?.name === 'Fn::ValueOfAll') {
    throw invalid(`Template format error: ${intrinsic.name} reads attributes of EC2 and Route 53, which are not built`);
  }
  return evaluate(value, scope, '/Rules');
}

const plain = (value: unknown) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value);

const listOf = (value: unknown) => (Array.isArray(value) ? value : [value]).map(String);
