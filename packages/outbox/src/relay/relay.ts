import {
  type CloseOptions,
  type OutboxMessage,
  type OutboxResult,
  type OutboxStats,
  type OutboxStore,
  type Rabbit,
  type RelayHealth,
  SurehopError,
} from '@surehop/core';
import {
  errorFields,
  fullJitter,
  integer,
  internalsOf,
  invalid,
  knownKeys,
  limited,
  type RabbitInternals,
  settled,
} from '@surehop/core/internal';
import { createPublisher, type Publisher } from '@surehop/publisher';
import { SendRate } from '../send-rate.ts';
import { Delivery } from './delivery.ts';
import { type RelayOptions, type ResolvedRelayOptions, resolveRelayOptions } from './relay-options.ts';
import { Wakeup } from './wakeup.ts';

/** Sends what an outbox holds. Made by {@link createRelay}. */
export interface Relay extends AsyncDisposable {
  /** Of the last look at the store, `inspectMs` old at most; at once. Also in `rabbit.health()`. */
  health(): RelayHealth;
  /**
   * Takes no more messages, waits for those on their way, and gives back its connection to the store. What is not
   * confirmed in time stays in the store, and is sent again by whoever comes next. Safe to call twice.
   *
   * @param options.timeoutMs how long to wait for what is on its way, in milliseconds. Default 10_000
   */
  close(options?: CloseOptions): Promise<void>;
}

const closeTimeoutMs = 10_000;
/** How much longer than that `close()` waits for the store, in milliseconds. */
const markMs = 2_000;
/** How long to stay away from a store that does not answer, or from a broker that takes nothing. */
const pauses = { baseMs: 100, maxMs: 5_000 };
/** After a message, or a call, how long to look more often, and how often, in milliseconds. */
const alertMs = 1_000;
const alertPollMs = 50;
const reportEveryMs = 60_000;

/**
 * Starts to send what the store holds, and goes on until `close()`, through whatever befalls broker and store. Several
 * relays may empty one store: they share the work.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID; SUREHOP_CLOSED on a closed connection; SUREHOP_STORE_NOT_MIGRATED, naming
 *   the migration; SUREHOP_STORE_UNAVAILABLE or SUREHOP_POOL_EXHAUSTED when the store cannot be reached now
 */
export async function createRelay(rabbit: Rabbit, store: OutboxStore, options: RelayOptions = {}): Promise<Relay> {
  const internals = internalsOf(rabbit);
  const resolved = resolveRelayOptions(options);
  if (typeof (store as Partial<OutboxStore> | null)?.pass !== 'function') {
    invalid('createRelay needs a store, as postgresOutbox() makes it');
  }
  const relay = new StoreRelay(rabbit, internals, store, resolved);
  await relay.open();
  return relay;
}

class StoreRelay implements Relay {
  readonly #rabbit: Rabbit;
  readonly #internals: RabbitInternals;
  readonly #store: OutboxStore;
  readonly #options: ResolvedRelayOptions;
  readonly #publisher: Publisher;
  readonly #delivery: Delivery;
  readonly #wakeup: Wakeup;
  readonly #rate: SendRate;
  readonly #giveUp = new AbortController();
  #phase: RelayHealth['phase'] = 'running';
  #stats: OutboxStats = { depth: 0, oldestMs: 0, setAside: 0 };
  #inspectAt = 0;
  #alertUntil = 0;
  #reportAt = 0;
  #running: Promise<void> = Promise.resolve();
  #inspecting: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(rabbit: Rabbit, internals: RabbitInternals, store: OutboxStore, options: ResolvedRelayOptions) {
    const { effects } = internals;
    this.#rabbit = rabbit;
    this.#internals = internals;
    this.#rate = new SendRate(internals.effects.clock);
    this.#store = store;
    this.#options = options;
    this.#publisher = createPublisher(rabbit, { maxMessageBytes: options.maxMessageBytes });
    const { clock, random } = effects;
    this.#delivery = new Delivery({ ...options, publisher: this.#publisher, clock, random: () => random() });
    this.#wakeup = new Wakeup(clock);
  }

  async open(): Promise<void> {
    const { effects, log, relays } = this.#internals;
    try {
      await this.#store.open({ clock: effects.clock, log, wake: () => this.#wakeup.wake() });
    } catch (error) {
      await this.#publisher.close();
      throw error;
    }
    relays.add(this);
    const stopListening = this.#rabbit.onStateChange(() => this.#wakeup.wake());
    this.#running = this.#run().finally(stopListening);
  }

  health(): RelayHealth {
    const sentPerSecond = this.#rate.perSecond();
    return { store: this.#store.name, phase: this.#phase, ...this.#stats, sentPerSecond };
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      knownKeys('close()', options, ['timeoutMs']);
      const { timeoutMs = closeTimeoutMs } = options;
      integer('timeoutMs', timeoutMs, 0, 2 ** 31 - 1);
      this.#closing = this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { clock } = this.#internals.effects;
    this.#wakeup.wake();
    const cancel = clock.setTimeout(() => {
      const why = `the relay was closed, and waited ${timeoutMs} ms`;
      this.#giveUp.abort(new SurehopError('SUREHOP_CLOSE_TIMEOUT', why, { retryable: false }));
    }, timeoutMs);
    // What was confirmed until then is still marked, unless the store does not answer either.
    const limit = limited(clock, timeoutMs + markMs, new AbortController().signal);
    await settled(Promise.all([this.#running, this.#inspecting]), limit.signal).catch(() => undefined);
    limit.clear();
    cancel();
    this.#phase = 'closed';
    this.#internals.relays.delete(this);
    await this.#store.close();
    await this.#publisher.close({ timeoutMs });
  }

  /** Until `close()`. Never rejects. */
  async #run(): Promise<void> {
    const { clock, random } = this.#internals.effects;
    const pause = fullJitter({ ...pauses, random: () => 0.5 + random() / 2 });
    let failures = 0;
    while (this.#closing === undefined) {
      if (!this.#isBrokerReady()) {
        this.#turnTo('waiting for the broker');
        this.#inspectWhenDue();
        await this.#wakeup.wait(Math.min(this.#options.pollMs, pauses.maxMs));
        continue;
      }
      try {
        const { taken, sent, stuck } = await this.#pass();
        failures = stuck && sent === 0 ? failures + 1 : 0;
        this.#turnTo(failures > 0 ? 'waiting for the broker' : 'running');
        this.#inspectWhenDue();
        if (failures > 0) await this.#wakeup.rest(pause(failures));
        else if (taken === 0) await this.#idle();
        else this.#alertUntil = clock.now() + alertMs;
      } catch (thrown) {
        if (this.#closing !== undefined) return;
        failures += 1;
        this.#turnTo('waiting for the store', thrown);
        await this.#wakeup.rest(pause(failures));
      }
    }
  }

  /** Where one message came, others may follow that wake nobody: they are looked for. */
  async #idle(): Promise<void> {
    const { clock } = this.#internals.effects;
    const { pollMs } = this.#options;
    const isAlert = clock.now() < this.#alertUntil;
    const isWoken = await this.#wakeup.wait(isAlert ? Math.min(pollMs, alertPollMs) : pollMs);
    if (isWoken) this.#alertUntil = clock.now() + alertMs;
  }

  async #pass(): Promise<{ taken: number; sent: number; stuck: boolean }> {
    let sent = 0;
    let stuck = false;
    const taken = await this.#store.pass(async (messages) => {
      const results = await this.#delivery.send(messages, this.#giveUp.signal);
      sent = results.filter(({ status }) => status === 'sent').length;
      stuck = results.some(({ status }) => status === 'waiting');
      this.#tell(messages, results);
      return results;
    });
    this.#rate.note(sent);
    return { taken, sent, stuck };
  }

  /** While the link is down or blocked, a pass would hold its messages locked for nothing. */
  #isBrokerReady(): boolean {
    const { session } = this.#internals.publishLink;
    return session?.isOpen === true && session.blocked !== true;
  }

  /** What is set aside is for a person: an error. */
  #tell(messages: readonly OutboxMessage[], results: readonly OutboxResult[]): void {
    for (const [index, result] of results.entries()) {
      if (result.status !== 'failed' && result.status !== 'set aside') continue;
      const { messageId, key, exchange, routingKey, attempts } = messages[index] as OutboxMessage;
      const { code, message } = result.error;
      const fields = {
        store: this.#store.name,
        messageId,
        key,
        exchange,
        routingKey,
        attempt: attempts + 1,
        error: message,
        code,
      };
      if (result.status === 'set aside') this.#internals.log.error(fields, 'a message of the outbox was set aside');
      else
        this.#internals.log.warn(
          { ...fields, delayMs: result.delayMs },
          'a message of the outbox was refused and is tried again later',
        );
    }
  }

  #turnTo(phase: RelayHealth['phase'], thrown?: unknown): void {
    const { log } = this.#internals;
    const before = this.#phase;
    this.#phase = phase;
    if (before === phase) return;
    const fields = {
      store: this.#store.name,
      from: before,
      to: phase,
      ...(thrown !== undefined && errorFields(thrown)),
    };
    if (phase === 'running') log.warn(fields, 'the relay goes on');
    else log.warn(fields, 'the relay waits');
  }

  /** Beside the passes: to remove what is old may take longer than to send what is new. */
  #inspectWhenDue(): void {
    const { clock } = this.#internals.effects;
    if (clock.now() < this.#inspectAt) return;
    this.#inspectAt = Number.POSITIVE_INFINITY;
    this.#inspecting = this.#inspect().finally(() => {
      this.#inspectAt = clock.now() + this.#options.inspectMs;
    });
  }

  /** Never rejects: a store that does not answer is the next pass's trouble. */
  async #inspect(): Promise<void> {
    const { clock } = this.#internals.effects;
    try {
      this.#stats = await settled(this.#store.stats(), this.#giveUp.signal);
      await settled(this.#store.removeSent(this.#options.retentionMs), this.#giveUp.signal);
    } catch (thrown) {
      this.#internals.log.warn(
        { store: this.#store.name, ...errorFields(thrown) },
        'the outbox could not be looked at',
      );
    }
    if (clock.now() < this.#reportAt) return;
    this.#reportAt = clock.now() + reportEveryMs;
    const { phase: _, ...figures } = this.health();
    this.#internals.log.info(figures, 'the outbox');
  }
}
