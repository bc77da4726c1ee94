import { ACCOUNT_ID, formatArn, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { checkTopicArn, regionOf } from './arns.ts';
import { invalid, SnsError, topicNotFound } from './errors.ts';
import { withoutPermission, withPermission } from './grants.ts';
import { SNS_LIMITS, type Topic } from './model.ts';
import { checkTopicAttributes } from './topic-attributes.ts';

type Settings = Readonly<Record<string, string>>;

/** Topics of a node and the rules they keep. Changes of one topic take effect one after the other. */
export class Topics {
  readonly #topics: Registry<Topic>;
  readonly #turns = new Turns();

  private constructor(topics: Registry<Topic>) {
    this.#topics = topics;
  }

  static async open(records: Records): Promise<Topics> {
    return new Topics(await Registry.open<Topic>(records, 'sns/topics'));
  }

  /** @param region  where the caller is: it sees the topics of there only. @throws parameter-invalid: no ARN of a topic; not-found */
  get(arn: string, region?: string): Topic {
    const topic = this.#topics.get(arn);
    if (!topic) checkTopicArn(arn);
    if (region !== undefined && regionOf(arn) !== region) throw invalid('TopicArn');
    if (topic) return topic;
    throw topicNotFound();
  }

  find(arn: string): Topic | undefined {
    return this.#topics.get(arn);
  }

  list(region: string): readonly Topic[] {
    return this.#topics.list(`arn:aws:sns:${region}:`);
  }

  /** Makes a topic; the same again is the same topic. @throws parameter-invalid: with other attributes or tags */
  async create(region: string, name: string, attributes: Settings, tags: Settings): Promise<Topic> {
    const fifo = attributes.FifoTopic === 'true';
    checkTopicName(name, fifo);
    const arn = formatArn('sns', region, ACCOUNT_ID, name);
    checkTopicAttributes(attributes, arn, fifo, 'create');
    checkTags(tags);
    return this.#turns.run(arn, async () => {
      const existing = this.#topics.get(arn);
      if (existing) return sameOrThrow(existing, attributes, tags);
      const { FifoTopic: _, ...others } = attributes;
      const defaults: Settings = fifo ? { FifoTopic: 'true', ContentBasedDeduplication: 'false' } : {};
      await this.#topics.put(arn, { arn, name, region, attributes: { ...defaults, ...others }, tags });
      return this.#topics.get(arn)!;
    });
  }

  /** One that is not there is no error. */
  async delete(arn: string): Promise<void> {
    checkTopicArn(arn);
    await this.#turns.run(arn, () => this.#topics.delete(arn));
  }

  async setAttribute(arn: string, name: string, value: string): Promise<void> {
    if (name === 'FifoTopic') throw invalid('AttributeName');
    await this.#change(arn, (topic) => {
      checkTopicAttributes({ [name]: value }, arn, topic.attributes.FifoTopic === 'true', 'set');
      const { [name]: _, ...others } = topic.attributes;
      return { ...topic, attributes: value === '' ? others : { ...others, [name]: value } };
    });
  }

  async addPermission(arn: string, label: string, accounts: readonly string[], actions: readonly string[]) {
    await this.#change(arn, (topic) => withPolicy(topic, withPermission(topic, label, accounts, actions)));
  }

  async removePermission(arn: string, label: string): Promise<void> {
    await this.#change(arn, (topic) => withPolicy(topic, withoutPermission(topic, label)));
  }

  async setTags(arn: string, change: (tags: Settings) => Settings): Promise<void> {
    if (!this.#topics.get(arn)) throw resourceMissing();
    await this.#change(arn, (topic) => {
      const tags = change(topic.tags);
      checkTags(tags);
      return { ...topic, tags };
    });
  }

  /** @throws resource-not-found */
  tags(arn: string): Settings {
    const topic = this.#topics.get(arn);
    if (!topic) throw resourceMissing();
    return topic.tags;
  }

  async #change(arn: string, change: (topic: Topic) => Topic): Promise<void> {
    this.get(arn);
    await this.#turns.run(arn, () => this.#topics.put(arn, change(this.get(arn))));
  }
}

function withPolicy(topic: Topic, Policy: string): Topic {
  return { ...topic, attributes: { ...topic.attributes, Policy } };
}

function resourceMissing(): SnsError {
  return new SnsError('resource-not-found', 'Resource does not exist');
}

function checkTopicName(name: string, fifo: boolean): void {
  const base = fifo ? name.replace(/\.fifo$/, '') : name;
  if (fifo && base === name) {
    throw invalid(
      'Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.',
    );
  }
  if (!/^[A-Za-z0-9_-]+$/.test(base) || name.length > 256) throw invalid('Topic Name');
}

function checkTags(tags: Settings): void {
  if (Object.keys(tags).length > SNS_LIMITS.tagsMax) {
    throw new SnsError('tag-limit', 'Could not complete request: tag quota of per resource exceeded');
  }
}

function sameOrThrow(existing: Topic, attributes: Settings, tags: Settings): Topic {
  const differ = (have: Settings, want: Settings) => Object.keys(want).some((name) => have[name] !== want[name]);
  const { FifoTopic = 'false', ...others } = attributes;
  if ((existing.attributes.FifoTopic ?? 'false') !== FifoTopic || differ(existing.attributes, others)) {
    throw invalid('Attributes Reason: Topic already exists with different attributes');
  }
  if (differ(existing.tags, tags)) throw invalid('Tags Reason: Topic already exists with different tags');
  return existing;
}
