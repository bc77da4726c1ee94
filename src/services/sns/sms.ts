import { type Clock, type Random, Turns } from '../../base/index.ts';
import { type Records, Registry } from '../../store/index.ts';
import { invalid, SnsError } from './errors.ts';
import { SNS_LIMITS } from './model.ts';
import { isPhoneNumber } from './subscription-attributes.ts';

type Settings = Readonly<Record<string, string>>;

/** What a number has said. Registry key: the number. */
interface Answered {
  /** Since when it wants no messages, epoch milliseconds. */
  readonly since?: number;
  /** When it was last let in again. */
  readonly optedInAt?: number;
}

/** A number to be verified, or verified. Registry key: the number. */
interface SandboxNumber {
  readonly number: string;
  readonly status: 'Pending' | 'Verified';
  readonly password: string;
  readonly attempts: number;
  /** Epoch milliseconds. */
  readonly sentAt: number;
}

const RULES: Readonly<Record<string, (value: string) => boolean>> = {
  __proto__: null as never,
  MonthlySpendLimit: (value) => /^\d{1,9}(\.\d{1,2})?$/.test(value),
  DeliveryStatusIAMRole: (value) => value === '' || /^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(value),
  DeliveryStatusSuccessSamplingRate: (value) => /^\d{1,3}$/.test(value) && Number(value) <= 100,
  DefaultSenderID: (value) => value === '' || /^(?=.*[A-Za-z])[A-Za-z0-9]{1,11}$/.test(value),
  DefaultSMSType: (value) => ['Promotional', 'Transactional'].includes(value),
  UsageReportS3Bucket: (value) => value === '' || /^[a-z0-9.-]{3,63}$/.test(value),
};

/** Words that end text messages, as AWS reads them. */
const STOP = /^\s*(arret|cancel|end|opt-?out|quit|remove|stop|td|unsubscribe)\s*$/i;

/** What is known about text messages: settings of the account, who wants none, numbers to be tried out with. */
export class TextMessages {
  readonly #settings: Registry<Settings>;
  readonly #optedOut: Registry<Answered>;
  readonly #sandbox: Registry<SandboxNumber>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #turns = new Turns();

  private constructor(
    settings: Registry<Settings>,
    optedOut: Registry<Answered>,
    sandbox: Registry<SandboxNumber>,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#settings = settings;
    this.#optedOut = optedOut;
    this.#sandbox = sandbox;
    this.#clock = clock;
    this.#random = random;
  }

  static async open(records: Records, ground: { readonly clock: Clock; readonly random: Random }) {
    const settings = await Registry.open<Settings>(records, 'sns/sms-settings');
    const optedOut = await Registry.open<Answered>(records, 'sns/sms-opted-out');
    return new TextMessages(settings, optedOut, await Registry.open<SandboxNumber>(records, 'sns/sms-sandbox'), ground);
  }

  /** Settings by the names AWS has for them; those that were set. */
  get settings(): Settings {
    return this.#settings.get('account') ?? {};
  }

  async set(changes: Settings): Promise<void> {
    for (const [name, value] of Object.entries(changes)) {
      if (!RULES[name]) throw invalid(`${name} is not a valid attribute`);
      if (!RULES[name](value)) throw invalid(`${name} Reason: Invalid value [${value}]`);
    }
    await this.#turns.run('settings', () => this.#settings.put('account', { ...this.settings, ...changes }));
  }

  isOptedOut(phoneNumber: string): boolean {
    return this.#optedOut.get(plain(phoneNumber))?.since !== undefined;
  }

  /** Numbers that want none, sorted. */
  get optedOut(): readonly string[] {
    return this.#optedOut.names().filter((number) => this.isOptedOut(number));
  }

  /** Takes what a phone has answered: a word that ends text messages does. @returns whether it was one */
  async answered(phoneNumber: string, text: string): Promise<boolean> {
    if (!isPhoneNumber(phoneNumber)) throw invalid('PhoneNumber');
    if (!STOP.test(text)) return false;
    const number = plain(phoneNumber);
    if (!this.#optedOut.has(number) && this.#optedOut.size >= SNS_LIMITS.optedOutMax) {
      throw invalid(`PhoneNumber Reason: ${SNS_LIMITS.optedOutMax} numbers have opted out already`);
    }
    await this.#turns.run(number, () =>
      this.#optedOut.put(number, { ...this.#optedOut.get(number), since: this.#clock.now() }),
    );
    return true;
  }

  /** Lets a number in again: once in 30 days, as on AWS. */
  async optIn(phoneNumber: string): Promise<void> {
    if (!isPhoneNumber(phoneNumber)) throw invalid('phoneNumber');
    const number = plain(phoneNumber);
    await this.#turns.run(number, async () => {
      const known = this.#optedOut.get(number);
      if (known?.since === undefined) return;
      const now = this.#clock.now();
      if (known.optedInAt !== undefined && now - known.optedInAt < SNS_LIMITS.optInIntervalMs) {
        throw invalid('phoneNumber Reason: a number can be opted in once every 30 days');
      }
      await this.#optedOut.put(number, { optedInAt: now });
    });
  }

  get sandbox(): readonly Pick<SandboxNumber, 'number' | 'status'>[] {
    return this.#sandbox.list();
  }

  /** Begins to verify a number. @returns the password that is to be sent there, `undefined` when it is verified already */
  async addToSandbox(number: string): Promise<string | undefined> {
    if (!/^\+[0-9]{8,15}$/.test(number)) throw invalid('PhoneNumber');
    return this.#turns.run('sandbox', async () => {
      const known = this.#sandbox.get(number);
      if (known?.status === 'Verified') return undefined;
      if (!known && this.#sandbox.size >= SNS_LIMITS.sandboxNumbersMax) {
        throw new SnsError('user-error', `There are ${SNS_LIMITS.sandboxNumbersMax} numbers already`);
      }
      const password = String(this.#random.bytes(6).readUIntBE(0, 6) % 1_000_000).padStart(6, '0');
      await this.#sandbox.put(number, { number, status: 'Pending', password, attempts: 0, sentAt: this.#clock.now() });
      return password;
    });
  }

  /** @throws resource-not-found, verification-failed */
  async verify(number: string, password: string): Promise<void> {
    await this.#turns.run('sandbox', async () => {
      const known = this.#sandbox.get(number);
      if (!known) throw numberMissing();
      if (known.status === 'Verified') return;
      const late = this.#clock.now() - known.sentAt > SNS_LIMITS.passwordMs;
      if (known.attempts >= SNS_LIMITS.passwordAttemptsMax || late) {
        throw new SnsError('verification-failed', 'The one-time password is no longer valid: ask for another one');
      }
      const right = known.password === password;
      await this.#sandbox.put(
        number,
        right ? { ...known, status: 'Verified' } : { ...known, attempts: known.attempts + 1 },
      );
      if (!right) throw new SnsError('verification-failed', 'The one-time password is not the one that was sent');
    });
  }

  /** @throws resource-not-found */
  async removeFromSandbox(number: string): Promise<void> {
    if (!(await this.#turns.run('sandbox', () => this.#sandbox.delete(number)))) throw numberMissing();
  }
}

function numberMissing(): SnsError {
  return new SnsError('resource-not-found', 'The phone number is not known');
}

/** A number without what people write between its digits. */
function plain(phoneNumber: string): string {
  return `+${phoneNumber.replace(/\D/g, '')}`;
}
