import {
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  defineQueue,
  type ReceivedMessage,
} from '@surehop/consumer';
import {
  type ConnectOptions,
  connect,
  createPublisher,
  type ExchangeContract,
  type Health,
  type Publisher,
  type PublisherOptions,
  type QueueContract,
  type QueueOptions,
  type Rabbit,
} from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import type { Figures } from './figures.ts';
import { opensChannels } from './nodes.ts';
import { drained, remainingIn } from './remaining.ts';
import type { Stage } from './stage.ts';
import { Watch } from './watch.ts';

export interface Body {
  readonly number: number;
  /** Makes it as long as wanted. */
  readonly padding?: string;
}

export type Message = ReceivedMessage<Body>;

export interface TrafficOptions {
  /** @default 500 */
  readonly perSecond?: number;
  /**
   * Of each publish, in milliseconds.
   * @default 30_000
   */
  readonly deadlineMs?: number;
  /**
   * Of the work queue, beside its type.
   * @default retries after 200 ms and 1,000 ms
   */
  readonly contract?: Omit<QueueOptions<Body, Body>, 'type'>;
  /**
   * For both connections.
   * @default heartbeatSeconds 2, waitMs 20_000
   */
  readonly connect?: Partial<ConnectOptions>;
  readonly publisher?: PublisherOptions;
  readonly consumer?: ConsumerOptions;
  /** Runs before a message counts as handled; what it throws makes a retry. */
  readonly handle?: (message: Message) => unknown;
  /**
   * Of the publishing and of the consuming service.
   * @default through the stage's proxy
   */
  readonly urls?: { readonly publish: string | readonly string[]; readonly consume: string | readonly string[] };
  /** @default to the work queue itself */
  readonly via?: { readonly exchange: ExchangeContract<Body, unknown>; readonly routingKey: string };
  /** @default { number } */
  readonly body?: (number: number) => Body;
}

const tickMs = 10;
const workQueue = 'work';
/** A message that was rejected is sent again after so long. */
const sendAgainMs = 100;

/**
 * One publishing and one consuming service at work: numbered messages at a steady rate, each sent again, under a new
 * id, only when its promise rejected, and a record of all that happened.
 */
export class Traffic implements AsyncDisposable {
  readonly watch = new Watch();
  readonly queue = workQueue;
  readonly contract: QueueContract<Body>;
  readonly #stage: Stage;
  readonly #options: TrafficOptions;
  readonly #deadlineMs: number;
  #services: Services | undefined;
  #timer: NodeJS.Timeout | undefined;
  #numbers = 0;
  #sendings = 0;
  /** Rejected, and not yet sent again. */
  #again = 0;
  #losses = 0;

  constructor(stage: Stage, options: TrafficOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
    const contract = { retry: { delaysMs: [200, 1_000] }, ...options.contract, type: stage.type };
    this.contract = defineQueue<Body>(workQueue, contract);
  }

  get publishing(): Rabbit {
    return this.#running.publishing;
  }

  get consuming(): Rabbit {
    return this.#running.consuming;
  }

  get publisher(): Publisher {
    return this.#running.publisher;
  }

  get consumer(): Consumer {
    return this.#running.consumer;
  }

  /** How often one of its connections was lost. */
  get losses(): number {
    return this.#losses;
  }

  /** Connects and begins to publish. Resolves when messages flow. */
  async start(): Promise<void> {
    const { proxy, vhost } = this.#stage;
    const url = vhost.url(proxy.port);
    const urls = this.#options.urls ?? { publish: url, consume: url };
    const publishing = await this.#connect(urls.publish, 'publishing');
    const consuming = await this.#connect(urls.consume, 'consuming');
    const publisher = createPublisher(publishing, this.#options.publisher ?? {});
    const consumer = await this.consume(consuming);
    this.#services = { publishing, consuming, publisher, consumer };
    this.go();
    await this.flows();
  }

  /** One more consumer of the work queue, whose messages count like the others. */
  consume(rabbit: Rabbit): Promise<Consumer> {
    const { handle } = this.#options;
    const handler = async (message: Message): Promise<void> => {
      const beganAt = performance.now();
      await handle?.(message);
      this.watch.handledOne(message.properties.messageId ?? '', beganAt);
    };
    return createConsumer(rabbit, this.contract, handler, { concurrency: 50, ...this.#options.consumer });
  }

  /** Goes on publishing. */
  go(): void {
    this.stop();
    const perTick = (this.#perSecond * tickMs) / 1_000;
    let due = 0;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      // After a pause of this process it does not make up for what it has missed.
      due += Math.min(10, (now - last) / tickMs) * perTick;
      last = now;
      for (; due >= 1; due -= 1) void this.send();
    }, tickMs);
  }

  /** Publishes no more, save what was rejected. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Publishes one message until its promise resolves. */
  async send(body?: Body): Promise<void> {
    this.#numbers += 1;
    const wanted = body ?? this.#options.body?.(this.#numbers) ?? { number: this.#numbers };
    while (this.#services !== undefined && !(await this.#sendOnce(wanted))) {
      this.#again += 1;
      await new Promise((resolve) => setTimeout(resolve, sendAgainMs));
      this.#again -= 1;
    }
  }

  /**
   * Publishes something else, once: it counts like the others, and is not sent again. Resolves to what it was rejected
   * with, or to undefined.
   */
  async aside(publish: (messageId: string) => Promise<unknown>): Promise<unknown> {
    this.#sendings += 1;
    const messageId = `aside.${this.#sendings}`;
    this.watch.published(messageId, this.#deadlineMs);
    return this.#outcomeOf(messageId, publish(messageId));
  }

  /** Until so many more messages have been published and handled. */
  async flows(count = 100, timeoutMs = 20_000): Promise<void> {
    const { resolved, handled } = this.watch;
    await eventually(() => {
      if (this.watch.resolved < resolved + count) throw new Error('nothing is published any more');
      if (this.watch.handled < handled + count) throw new Error('nothing is handled any more');
    }, timeoutMs);
  }

  /** Resolves when both services have noticed that neither of their links is open, to how long that took. */
  async goesDown(timeoutMs: number): Promise<number> {
    const startedAt = performance.now();
    await eventually(() => {
      const links = [this.publishing, this.consuming].flatMap((rabbit) => Object.values(rabbit.health().links));
      const open = links.filter(({ phase }) => phase === 'open');
      if (open.length > 0) throw new Error(`${open.length} links are still taken for open`);
    }, timeoutMs);
    return performance.now() - startedAt;
  }

  /** Starts the first node again. The harm is over when it opens channels: only later does it say that it has started. */
  async restartNode(): Promise<void> {
    const { node, vhost } = this.#stage;
    await Promise.all([node.start(), opensChannels(vhost).then(() => this.watch.healed())]);
  }

  /**
   * The harm is over, now or since the watch was told: resolves when messages flow again and both sides say that they
   * are well.
   *
   * @param isIll of one side. Default: its status is not ok
   */
  async recovers(timeoutMs = 30_000, isIll = ({ status }: Health) => status !== 'ok'): Promise<void> {
    const { watch } = this;
    if (!watch.isMending) watch.healed();
    const { resolved, handled } = watch;
    await eventually(() => {
      const states = [this.publishing.health(), this.consuming.health()];
      const ill = states.find(isIll);
      if (ill !== undefined) watch.ailing();
      if (ill !== undefined) throw new Error(`not well again: ${JSON.stringify(ill)}`);
      if (watch.resolved < resolved + 100 || watch.handled < handled + 100) throw new Error('nothing flows again');
      if (!watch.isUnderWay) throw new Error('only what was sent before flows again');
    }, timeoutMs);
    watch.recovered();
  }

  /**
   * Stops publishing, waits until every promise has settled and the queues are empty, and closes.
   *
   * @param timeoutMs for the queues to become empty; what remains then is stuck
   */
  async finish({ timeoutMs = 30_000 } = {}): Promise<Figures> {
    this.stop();
    await eventually(() => {
      if (this.watch.open + this.#again > 0) throw new Error(`${this.watch.open} promises have not settled`);
    }, this.#deadlineMs + 5_000).catch(() => undefined); // told as hung
    const { vhost } = this.#stage;
    await drained(vhost, timeoutMs).catch(() => undefined); // what remains is told as stuck
    await this.close();
    return { ...this.watch.figures(await remainingIn(vhost, this.watch)), perSecond: this.#perSecond };
  }

  async close(): Promise<void> {
    this.stop();
    const services = this.#services;
    this.#services = undefined;
    if (services === undefined) return;
    await Promise.all([
      services.consuming.close({ timeoutMs: 2_000 }),
      services.publishing.close({ timeoutMs: 2_000 }),
    ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #perSecond(): number {
    return this.#options.perSecond ?? 500;
  }

  get #running(): Services {
    if (this.#services === undefined) throw new Error('the traffic has not started, or is over');
    return this.#services;
  }

  async #connect(url: string | readonly string[], name: string): Promise<Rabbit> {
    const { log } = this.#stage;
    const rabbit = await connect({ url, name, log, heartbeatSeconds: 2, waitMs: 20_000, ...this.#options.connect });
    this.#stage.own({ [Symbol.asyncDispose]: () => rabbit.close({ timeoutMs: 0 }) });
    rabbit.onStateChange(({ phase }) => {
      if (phase === 'waiting') this.#losses += 1;
    });
    return rabbit;
  }

  /** Whether it is stored. */
  async #sendOnce(body: Body): Promise<boolean> {
    this.#sendings += 1;
    const messageId = `${body.number}.${this.#sendings}`;
    const deadlineMs = this.#deadlineMs;
    this.watch.published(messageId, deadlineMs);
    const { via } = this.#options;
    const options = { messageId, deadlineMs, ...(via && { routingKey: via.routingKey }) };
    const publish = this.publisher.publish(via?.exchange ?? this.contract, body, options);
    return (await this.#outcomeOf(messageId, publish)) === undefined;
  }

  /** What it was rejected with. */
  async #outcomeOf(messageId: string, publishing: Promise<unknown>): Promise<unknown> {
    try {
      await publishing;
      this.watch.resolvedTo(messageId);
      return undefined;
    } catch (error) {
      this.watch.rejected(messageId, error);
      return error;
    }
  }
}

interface Services {
  readonly publishing: Rabbit;
  readonly consuming: Rabbit;
  readonly publisher: Publisher;
  readonly consumer: Consumer;
}
