import type { Operation } from '../../index.ts';
import type { Parameters } from '../parameters.ts';
import { readingOperations } from './reading.ts';
import { tagOperations } from './tags.ts';
import { writingOperations } from './writing.ts';

export function ssmOperations(parameters: Parameters): Readonly<Record<string, Operation>> {
  return { ...readingOperations(parameters), ...writingOperations(parameters), ...tagOperations(parameters) };
}
