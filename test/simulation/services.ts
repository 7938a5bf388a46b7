import { createConsumer, DeadLetter, type ReceivedMessage, RetryLater } from '@surehop/consumer';
import { sleep } from '@surehop/core/internal';
import { connect, createPublisher, isSurehopError, type Publisher, type Rabbit } from '@surehop/publisher';
import { type Behaviour, behaviours, delaysMs, type PlannedMessage } from './plan.ts';
import type { SimulatedProcess } from './process.ts';
import type { Body, Scene } from './scene.ts';

const quiet = (): void => undefined;
const log = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet, child: () => log };

/** What a promise may take beyond its deadline. */
const lateMs = 250;
/** More calls of a handler for one message than this mean that its attempts are not counted. */
const mostCalls = 60;

/** What a handler exercises. */
const exercising = Object.fromEntries(behaviours.map((one) => [one, `handler: ${one}`])) as Record<Behaviour, string>;

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

  /** Messages that its publisher has on their way, while its process lives. */
  abstract readonly unconfirmed: number;

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
  readonly #lateMs: number;
  #publisher: Publisher | undefined;

  constructor(scene: Scene, process: SimulatedProcess, share: (message: PlannedMessage) => boolean) {
    super(scene, process);
    this.#share = share;
    const blocks = scene.plan.faults.filter(({ kind }) => kind === 'event loop blocked');
    // Nothing settles in a process that does not get to it.
    this.#lateMs = Math.max(lateMs, ...blocks.map(({ durationMs }) => lateMs + durationMs));
  }

  get unconfirmed(): number {
    return this.process.isAlive ? (this.#publisher?.health().unconfirmed ?? 0) : 0;
  }

  protected async work(): Promise<void> {
    const { plan, unresolved } = this.scene;
    const publisher = createPublisher(await this.connected(), { maxUnconfirmed: plan.maxUnconfirmed });
    this.#publisher = publisher;
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
    while (process.isAlive && scene.unresolved.has(number)) {
      const id = scene.idOf(number);
      const at = clock.now();
      history.add({ kind: 'published', id, at, dueAt: at + deadlineMs + this.#lateMs });
      this.open.add(id);
      const rejected = await publisher
        .publish(contract, { number }, { messageId: id, deadlineMs })
        .then(() => undefined)
        .catch((thrown: unknown) => thrown);
      if (!process.isAlive) return;
      this.open.delete(id);
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
}

/** Handles messages as the plan says. */
export class ConsumingService extends Service {
  readonly open: ReadonlySet<string> = new Set();
  readonly unconfirmed = 0;
  readonly #killed: Map<number, number>;
  readonly #calls: Map<string, number>;
  readonly #onKill: () => void;

  /**
   * @param killed how often each message has killed a process
   * @param calls how often a handler was called for each sending
   * @param onKill ends the process
   */
  constructor(
    scene: Scene,
    process: SimulatedProcess,
    shared: { readonly killed: Map<number, number>; readonly calls: Map<string, number> },
    onKill: () => void,
  ) {
    super(scene, process);
    this.#killed = shared.killed;
    this.#calls = shared.calls;
    this.#onKill = onKill;
  }

  protected async work(): Promise<void> {
    const rabbit = await this.connected();
    const { concurrency, prefetch } = this.scene.plan;
    const options = { concurrency, prefetch, handlerTimeoutMs: 2_000, handlerGraceMs: 500 };
    await createConsumer(rabbit, this.scene.contract, (message) => this.#handle(message), options);
    this.isAtWork = true;
  }

  #handle(message: ReceivedMessage<Body>): Promise<void> | undefined {
    const { scene, process } = this;
    const { attempt, properties } = message;
    const id = properties.messageId ?? '';
    const planned = scene.plan.messages.find(({ number }) => number === (message.body as Body | null)?.number);
    const calls = (this.#calls.get(id) ?? 0) + 1;
    this.#calls.set(id, calls);
    if (attempt > delaysMs.length + 1) scene.violate(`attempt ${attempt} of ${id}`);
    if (id !== '' && calls > mostCalls) scene.violate(`${id} was handed to a handler ${mostCalls} times`);
    if (planned !== undefined && this.#dies(planned)) return undefined;
    const behaviour = planned?.behaviours[attempt - 1] ?? 'return';
    scene.exercise(exercising[behaviour]);
    scene.trace(() => `${process.name} handles ${id || 'a stranger'}, attempt ${attempt}: ${behaviour}`);
    if (behaviour === 'throw at once') throw new Error('at once');
    return this.#behave(behaviour, message);
  }

  #dies({ number, kills }: PlannedMessage): boolean {
    const killed = this.#killed.get(number) ?? 0;
    if (killed >= kills) return false;
    this.#killed.set(number, killed + 1);
    this.scene.exercise('handler: kills its process');
    this.#onKill();
    return true;
  }

  async #behave(behaviour: Behaviour, { properties, signal }: ReceivedMessage<Body>): Promise<void> {
    const { scene, process } = this;
    const { clock } = process.effects;
    await sleep(clock, behaviour === 'slow' ? 1_500 : Math.floor(process.random() * 50));
    if (behaviour === 'throw') throw new Error('not now');
    if (behaviour === 'dead-letter') throw new DeadLetter('never');
    if (behaviour === 'retry-later') throw new RetryLater(1_500);
    if (behaviour === 'hang') return sleep(clock, 1_000_000, signal);
    const id = properties.messageId ?? '';
    process.observer.handled(id);
    if (process.isAlive) scene.history.add({ kind: 'handled', id, at: scene.clock.now() });
  }
}
