import { fullJitter } from './backoff.ts';
import { type Cancel, type Effects, settled } from './effects.ts';
import { asError, SurehopError } from './errors.ts';
import type { Host } from './hosts.ts';
import { errorFields, type Logger } from './logger.ts';
import { invalid, kindOf } from './option-checks.ts';

/** A login that may run out, for example an OAuth 2 token as the password. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /**
   * How long they hold, in milliseconds from now; above 0. For three quarters of this time they are used for every connect
   * that the broker does not refuse, then they are renewed. Without it they are fetched anew for each connect only.
   */
  readonly expiresInMs?: number;
}

export type CredentialsSource = () => Promise<Credentials>;

export type Identity = { readonly username: string; readonly password: string } | 'external';

/** Credentials are renewed when this share of their life is over. */
const renewAt = 0.75;
/** Two renewals are never closer than this, however short credentials hold. */
const soonestRenewalMs = 1_000;
const renewRetry = { baseMs: 500, maxMs: 10_000 };

export interface LoginOptions {
  readonly effects: Effects;
  readonly log: Logger;
  /** How long a renewal waits for `credentials()`, in milliseconds. */
  readonly timeoutMs: number;
  /** Told when credentials were renewed while connected. */
  readonly onRenewed: (password: string) => void;
}

/** Who we are to the broker: from the URL, the client certificate, or a function that is asked again in time. */
export class Login {
  readonly #source: CredentialsSource | 'external' | undefined;
  readonly #given: LoginOptions;
  /** The call that everybody waits for who wants credentials now. */
  #pending: Promise<Credentials> | undefined;
  #fresh: { readonly credentials: Credentials; readonly until: number } | undefined;
  #calls = 0;
  /** The answers of calls before this one are not kept: a late one must not replace that of a later call. */
  #keptFrom = 0;
  #renewal: { readonly at: number; readonly cancel: Cancel } | undefined;
  #failures = 0;
  #closed = false;

  constructor(source: CredentialsSource | 'external' | undefined, given: LoginOptions) {
    this.#source = source;
    this.#given = given;
  }

  /** For a connect to this host now. */
  async current(host: Host, signal: AbortSignal): Promise<Identity> {
    if (this.#source === 'external' || (this.#source === undefined && host.external)) return 'external';
    if (this.#source === undefined) return { username: host.username, password: host.password };
    const { clock } = this.#given.effects;
    if (this.#fresh !== undefined && clock.now() < this.#fresh.until) return this.#fresh.credentials;
    return await this.#fetch(signal);
  }

  /**
   * The broker refused the login: what is kept, or will come of a call under way, may be a password that was changed
   * before its time. The next connect asks anew.
   */
  refused(): void {
    this.#fresh = undefined;
    this.#pending = undefined;
    this.#keptFrom = this.#calls + 1;
  }

  close(): void {
    this.#closed = true;
    this.#renewal?.cancel();
  }

  /** One call for all who wait at the same time. It is forgotten as soon as one of them gives up: it may never answer. */
  async #fetch(signal: AbortSignal): Promise<Credentials> {
    this.#pending ??= this.#ask();
    const pending = this.#pending;
    try {
      return await settled(pending, signal);
    } finally {
      if (this.#pending === pending) this.#pending = undefined;
    }
  }

  async #ask(): Promise<Credentials> {
    const source = this.#source as CredentialsSource;
    this.#calls += 1;
    const call = this.#calls;
    let credentials: Credentials;
    try {
      credentials = await source();
    } catch (thrown) {
      throw new SurehopError('SUREHOP_LOGIN_REFUSED', `credentials() failed: ${asError(thrown).message}`, {
        retryable: true,
        cause: thrown,
      });
    }
    checkCredentials(credentials);
    this.#keep(credentials, call);
    return credentials;
  }

  #keep(credentials: Credentials, call: number): void {
    const { expiresInMs } = credentials;
    this.#failures = 0;
    if (expiresInMs === undefined || this.#closed) return;
    const untilRenewal = expiresInMs * renewAt;
    this.#renewWithin(Math.max(soonestRenewalMs, untilRenewal));
    if (call < this.#keptFrom) return;
    this.#keptFrom = call;
    this.#fresh = { credentials, until: this.#given.effects.clock.now() + untilRenewal };
  }

  /** Unless it is due earlier: a link may be open with older credentials than those fetched just now. */
  #renewWithin(delayMs: number): void {
    const { clock } = this.#given.effects;
    const at = clock.now() + delayMs;
    if (this.#renewal !== undefined && this.#renewal.at <= at) return;
    this.#renewal?.cancel();
    const cancel = clock.setTimeout(() => {
      this.#renewal = undefined;
      void this.#renew();
    }, delayMs);
    this.#renewal = { at, cancel };
  }

  async #renew(): Promise<void> {
    const { effects, log, timeoutMs, onRenewed } = this.#given;
    try {
      const { password } = await this.#fetch(effects.clock.deadline(timeoutMs));
      if (!this.#closed) onRenewed(password);
    } catch (error) {
      if (this.#closed) return;
      this.#failures += 1;
      log.warn(errorFields(error), 'credentials could not be renewed; trying again');
      const backoff = fullJitter({ ...renewRetry, random: effects.random });
      this.#renewWithin(soonestRenewalMs + backoff(this.#failures));
    }
  }
}

/** What a provider hands out is as foreign as an option: a life of NaN or of a string's length would be renewed without end. */
function checkCredentials(given: Credentials): void {
  if (typeof given?.username !== 'string' || typeof given.password !== 'string') {
    invalid('credentials() must resolve to { username, password }');
  }
  const expiresInMs: unknown = given.expiresInMs;
  if (expiresInMs === undefined || (Number.isFinite(expiresInMs) && (expiresInMs as number) > 0)) return;
  const got = typeof expiresInMs === 'number' ? String(expiresInMs) : kindOf(expiresInMs);
  const advice = typeof expiresInMs === 'number' && expiresInMs <= 0 ? ': these credentials have expired' : '';
  invalid(`expiresInMs of credentials() must be a finite number above 0, got ${got}${advice}`);
}
