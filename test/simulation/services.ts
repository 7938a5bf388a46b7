import { createConsumer, DeadLetter, type KeyedMessage, type ReceivedMessage, RetryLater } from '@surehop/consumer';
import { sleep } from '@surehop/core/internal';
import { connect, createPublisher, isSurehopError, type Publisher, type Rabbit } from '@surehop/publisher';
import type { AnswerBook, Call } from './answer-book.ts';
import type { KeyOrder } from './key-order.ts';
import {
  type Behaviour,
  behaviours,
  delaysMs,
  type Plan,
  type PlannedMessage,
  type PlannedRequest,
  poisonKills,
} from './plan.ts';
import type { SimulatedProcess } from './process.ts';
import type { Body, Scene } from './scene.ts';

const quiet = (): void => undefined;
const log = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet, child: () => log };

/** What a promise may take beyond its deadline. */
const lateMs = 250;
/** What may wait in hand for earlier messages of its key, beyond what is handled. */
const heldInOrder = 10;

/** Deliveries that a consumer may have in hand at once. */
export function prefetchOf({ prefetch, keys = 0 }: Plan): number {
  return keys === 0 ? prefetch : prefetch + heldInOrder;
}

/** More calls of a handler for one message than this mean that its attempts are not counted. */
const mostCalls = 60;

/** What a handler exercises. */
const exercising = Object.fromEntries(behaviours.map((one) => [one, `handler: ${one}`])) as Record<Behaviour, string>;

/** What consumers have in common. */
export interface Shared {
  /** How often each message has killed a process. */
  readonly killed: Map<number, number>;
  /** How often a handler was called for each sending. */
  readonly calls: Map<string, number>;
  readonly keyOrder: KeyOrder;
  readonly answers: AnswerBook;
}

/** What runs in a simulated process: connected, at work, until it is closed or killed. */
export abstract class Service {
  readonly process: SimulatedProcess;
  protected readonly scene: Scene;
  #rabbit: Rabbit | undefined;
  /** It publishes or consumes. */
  isAtWork = false;

  constructor(scene: Scene, process: SimulatedProcess) {
    this.scene = scene;
    this.process = process;
  }

  start(): void {
    this.work().catch((thrown: unknown) => {
      if (this.process.isAlive) this.scene.violate(`${this.process.name} failed: ${String(thrown)}`);
    });
  }

  /** Undefined until it is connected, and once its process is dead. */
  get rabbit(): Rabbit | undefined {
    return this.process.isAlive ? this.#rabbit : undefined;
  }

  /** Sendings whose promise has not settled. */
  abstract readonly open: ReadonlySet<string>;

  /** Calls of its publisher that wait for an answer, while its process lives. */
  abstract readonly awaitedAnswers: number;

  protected abstract work(): Promise<void>;

  protected async connected(): Promise<Rabbit> {
    const { driver, effects } = this.process;
    const url = ['amqp://one', 'amqp://two'].slice(0, this.scene.plan.hosts);
    const rabbit = await connect({ url, waitMs: 3_600_000, driver, effects, log });
    this.#rabbit = rabbit;
    return rabbit;
  }
}

/** Publishes its share of the messages, each until its promise resolves. */
export class PublishingService extends Service {
  readonly open = new Set<string>();
  readonly #share: (message: PlannedMessage) => boolean;
  readonly #answers: AnswerBook;
  readonly #lateMs: number;
  /** Calls of them have been given up once. */
  readonly #abortedOnce = new Set<number>();
  #asking = 0;
  /** It takes no more messages: what is not stored is left for the one that comes after. */
  isClosing = false;

  constructor(
    scene: Scene,
    process: SimulatedProcess,
    answers: AnswerBook,
    share: (message: PlannedMessage) => boolean,
  ) {
    super(scene, process);
    this.#share = share;
    this.#answers = answers;
    const blocks = scene.plan.faults.filter(({ kind }) => kind === 'event loop blocked');
    // Nothing settles in a process that does not get to it.
    this.#lateMs = Math.max(lateMs, ...blocks.map(({ durationMs }) => lateMs + durationMs));
  }

  get awaitedAnswers(): number {
    return this.process.isAlive ? this.#asking : 0;
  }

  protected async work(): Promise<void> {
    const { plan, unresolved } = this.scene;
    const { maxUnconfirmed, maxAwaitedAnswers = 10_000 } = plan;
    const publisher = createPublisher(await this.connected(), { maxUnconfirmed, maxAwaitedAnswers });
    this.isAtWork = true;
    for (const message of plan.messages.filter(this.#share)) {
      if (!unresolved.has(message.number)) continue;
      await sleep(this.process.effects.clock, plan.everyMs);
      void this.#publish(publisher, message.number);
    }
  }

  /** Until it resolves, each time under a new id. */
  async #publish(publisher: Publisher, number: number): Promise<void> {
    const { scene, process } = this;
    const { history, clock, plan, contract } = scene;
    const { deadlineMs } = plan;
    const request = plan.requests?.find((one) => one.number === number);
    while (process.isAlive && !this.isClosing && scene.unresolved.has(number)) {
      const id = scene.idOf(number);
      const at = clock.now();
      const waitMs = request === undefined ? deadlineMs : this.#waitMs(request);
      history.add({ kind: 'published', id, at, dueAt: at + waitMs + this.#lateMs });
      this.open.add(id);
      const sent =
        request === undefined
          ? publisher.publish(contract, { number }, { messageId: id, deadlineMs }).then(() => undefined)
          : this.#ask(publisher, request, { id, at, waitMs });
      const rejected = await sent.catch((thrown: unknown) => thrown);
      if (!process.isAlive) return;
      this.open.delete(id);
      process.observer.told(id);
      scene.trace(
        () => `${process.name} ${id} ${rejected === undefined ? 'resolved' : `rejected: ${String(rejected)}`}`,
      );
      if (rejected === undefined) {
        scene.unresolved.delete(number);
        history.add({ kind: 'resolved', id, at: clock.now() });
        return;
      }
      if (process.observer.isConfirmed(id)) scene.violate(`${id} was rejected, though the broker had confirmed it`);
      const stored = isSurehopError(rejected, 'SUREHOP_PUBLISH_UNKNOWN') ? 'unknown' : 'no';
      history.add({ kind: 'rejected', id, at: clock.now(), stored });
      scene.exercise(isSurehopError(rejected) ? `rejected: ${rejected.code}` : 'rejected: something else');
      if (!isSurehopError(rejected)) scene.violate(`rejected with ${String(rejected)}`);
      await sleep(process.effects.clock, 200);
    }
  }

  #waitMs({ number, timeoutMs, abortMs = timeoutMs }: PlannedRequest): number {
    return this.#abortedOnce.has(number) ? timeoutMs : Math.min(timeoutMs, abortMs);
  }

  /** Resolves once it is known to be stored, whatever became of it then. */
  async #ask(
    publisher: Publisher,
    { number, timeoutMs }: PlannedRequest,
    { id, at, waitMs }: Omit<Call, 'isClosing'>,
  ): Promise<undefined> {
    const { scene, process } = this;
    const call = (): Call => ({ id, at, waitMs, isClosing: this.isClosing });
    const controller = new AbortController();
    const { signal } = controller;
    const abort = (): void => {
      scene.exercise('request: aborted');
      controller.abort(new Error('the caller has left'));
    };
    const cancel = waitMs < timeoutMs ? process.effects.clock.setTimeout(abort, waitMs) : () => undefined;
    this.#abortedOnce.add(number);
    this.#asking += 1;
    try {
      const answer = await publisher.publishAndWait(scene.contract, { number }, { messageId: id, timeoutMs, signal });
      if (process.isAlive) this.#answers.answered(call(), answer);
    } catch (thrown) {
      scene.trace(() => `${process.name} ${id} asked in vain: ${String(thrown)}`);
      if (process.isAlive && !this.#answers.rejected(call(), thrown)) throw thrown;
    } finally {
      this.#asking -= 1;
      cancel();
    }
    return undefined;
  }
}

/** Handles messages as the plan says. */
export class ConsumingService extends Service {
  readonly open: ReadonlySet<string> = new Set();
  readonly awaitedAnswers = 0;
  readonly #killed: Map<number, number>;
  readonly #calls: Map<string, number>;
  readonly #keyOrder: KeyOrder;
  readonly #answers: AnswerBook;
  readonly #onKill: () => void;

  /** @param onKill ends the process */
  constructor(scene: Scene, process: SimulatedProcess, shared: Shared, onKill: () => void) {
    super(scene, process);
    this.#killed = shared.killed;
    this.#calls = shared.calls;
    this.#keyOrder = shared.keyOrder;
    this.#answers = shared.answers;
    this.#onKill = onKill;
  }

  protected async work(): Promise<void> {
    const rabbit = await this.connected();
    const { plan } = this.scene;
    const { concurrency, keys = 0, mostHeld, mostWaiting } = plan;
    const options = { concurrency, prefetch: prefetchOf(plan), handlerTimeoutMs: 2_000, handlerGraceMs: 500 };
    const laying = { ...(mostHeld !== undefined && { mostHeld }), ...(mostWaiting !== undefined && { mostWaiting }) };
    const order = keys === 0 ? {} : { orderBy: ({ body }: KeyedMessage<Body>) => body.number % keys, ...laying };
    await createConsumer(rabbit, this.scene.contract, (message) => this.#handle(message), {
      ...options,
      ...order,
    });
    this.isAtWork = true;
  }

  #handle(message: ReceivedMessage<Body>): Promise<unknown> | undefined {
    const { scene, process } = this;
    const { attempt, properties } = message;
    const id = properties.messageId ?? '';
    const planned = scene.plan.messages.find(({ number }) => number === (message.body as Body | null)?.number);
    const calls = (this.#calls.get(id) ?? 0) + 1;
    this.#calls.set(id, calls);
    if (attempt > delaysMs.length + 1) scene.violate(`attempt ${attempt} of ${id}`);
    // One that kills each time is the broker's to count, and it may be stored twice.
    const isCounted = id !== '' && planned?.kills !== poisonKills;
    if (isCounted && calls > mostCalls) scene.violate(`${id} was handed to a handler ${mostCalls} times`);
    if (planned !== undefined && this.#dies(planned)) return undefined;
    const behaviour = planned?.behaviours[attempt - 1] ?? 'return';
    scene.exercise(exercising[behaviour]);
    scene.trace(() => `${process.name} handles ${id || 'a stranger'}, attempt ${attempt}: ${behaviour}`);
    const returned = process.isAlive ? this.#keyOrder.started(process, id) : () => undefined;
    if (behaviour === 'throw at once') {
      returned();
      throw new Error(`at once: ${id}`);
    }
    return this.#behave(behaviour, message, calls).finally(returned);
  }

  #dies({ number, kills }: PlannedMessage): boolean {
    const killed = this.#killed.get(number) ?? 0;
    if (killed >= kills) return false;
    this.#killed.set(number, killed + 1);
    this.scene.exercise('handler: kills its process');
    this.#onKill();
    return true;
  }

  async #behave(behaviour: Behaviour, { properties, signal }: ReceivedMessage<Body>, call: number): Promise<unknown> {
    const { scene, process } = this;
    const { clock } = process.effects;
    await sleep(clock, behaviour === 'slow' ? 1_500 : Math.floor(process.random() * 50));
    const id = properties.messageId ?? '';
    if (behaviour === 'throw') throw new Error(`not now: ${id}`);
    if (behaviour === 'dead-letter') throw new DeadLetter(`never: ${id}`);
    if (behaviour === 'retry-later') throw new RetryLater(1_500, { reason: `later: ${id}` });
    if (behaviour === 'hang') return sleep(clock, 1_000_000, signal);
    process.observer.handled(id);
    if (!process.isAlive) return undefined;
    scene.history.add({ kind: 'handled', id, at: scene.clock.now() });
    this.#keyOrder.finished(id);
    const value = { id, call, by: process.name };
    this.#answers.returned(id, process, value);
    return value;
  }
}
