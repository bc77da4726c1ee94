import type { IncomingMessage, ServerResponse } from 'node:http';
import { CLOUDFORMATION_LIMITS } from '../limits.ts';
import { ANSWERS_PREFIX } from '../presence.ts';
import { isObject, type Json, type JsonObject } from '../template/value.ts';
import { type Answers, questionKey, sameToken } from './answers.ts';
import type { Stack } from './model.ts';

interface Reply {
  readonly status: number;
  readonly message?: string;
}

/** Custom resources answer once. */
const ONLY = 'answer';

/**
 * Takes answers from outside: `PUT /_millrace/cloudformation/answers/STACK/QUESTION/TOKEN`. The token is what signs it, as the
 * query of a presigned URL does on AWS; a wrong one is told nothing more than that there is nothing.
 */
export class AnswerDoor {
  readonly #answers: Answers;
  readonly #find: (uuid: string) => Stack | undefined;

  constructor(answers: Answers, find: (uuid: string) => Stack | undefined) {
    this.#answers = answers;
    this.#find = find;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, message } = await this.#take(request);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(message === undefined ? '' : JSON.stringify({ message }));
    request.resume();
  }

  async #take(request: IncomingMessage): Promise<Reply> {
    if (request.method !== 'PUT') return { status: 405, message: 'Answers are PUT.' };
    const question = this.#question((request.url ?? '').split('?', 1)[0]!);
    if (!question) return { status: 403, message: 'Nobody waits for this answer.' };
    const body = await readBody(request);
    if (typeof body === 'string') {
      // Better a step that fails now than one that waits for an hour.
      if (!question.many)
        await this.#answers.give(question.key, { id: ONLY, body: { Status: 'FAILED', Reason: body } });
      return { status: 400, message: body };
    }
    const id = question.many ? String(body.UniqueId ?? ONLY) : ONLY;
    const taken = await this.#answers.give(question.key, { id, body });
    return taken ? { status: 200 } : { status: 429, message: 'Too many answers.' };
  }

  /** The question that a path answers, while somebody asks it. */
  #question(path: string): { readonly key: string; readonly many: boolean } | undefined {
    const [uuid = '', id = '', token = ''] = path.slice(ANSWERS_PREFIX.length + 1).split('/');
    const stack = this.#find(uuid);
    if (!stack?.deployment) return undefined;
    const resources = [...Object.values(stack.resources), ...stack.deployment.garbage];
    const asked = resources.find(({ question }) => question?.id === id)?.question;
    if (asked && sameToken(asked.token, token)) return { key: questionKey(uuid, id), many: false };
    const handle = resources.find(
      ({ type, physicalId }) =>
        type === 'AWS::CloudFormation::WaitConditionHandle' && sameToken(URL.parse(physicalId)?.pathname ?? '', path),
    );
    return handle && { key: questionKey(uuid, id), many: true };
  }
}

/** The answer, or what is wrong with it. */
async function readBody(request: IncomingMessage): Promise<JsonObject | string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > CLOUDFORMATION_LIMITS.answerBytesMax) return 'Response object is too long.';
    chunks.push(chunk);
  }
  try {
    const value = JSON.parse(Buffer.concat(chunks).toString()) as Json;
    return isObject(value) ? value : 'Response is no JSON object.';
  } catch {
    return 'Response is not valid JSON.';
  }
}
