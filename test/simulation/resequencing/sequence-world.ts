import {
  createConsumer,
  DeadLetter,
  defineQueue,
  type PositionStore,
  type ReceivedMessage,
  RetryLater,
} from '@surehop/consumer';
import { connect, type Rabbit } from '@surehop/core';
import { sleep } from '@surehop/core/internal';
import { MemoryBroker, VirtualClock } from '@surehop/testing/internal';
import { befall, restartMs } from '../faults.ts';
import { Observer } from '../observer.ts';
import type { Behaviour, Fault } from '../plan.ts';
import { delaysMs } from '../plan.ts';
import { SimulatedProcess } from '../process.ts';
import { settlePromises } from '../promises.ts';
import { stream } from '../random.ts';
import { deadLetterQueue, workQueue } from '../scene.ts';
import type { Sending, SequencePlan } from './sequence-plan.ts';

/** What a message is known by: the key and the number. */
interface Body {
  readonly key: string;
  readonly number: number;
}

const drainedWithinMs = 900_000;
const settlesWithinMs = 3_000;
const maxSteps = 200_000;
/** Longer than every fault lasts, with what comes of it: no gap is to be given up. */
const maxGapMs = 300_000;
/** What may wait in hand behind gaps, as by default. */
const maxBuffered = 100;

/** Consumers that share a store of positions, a broker, and what befalls them. */
export class SequenceWorld {
  readonly #plan: SequencePlan;
  readonly #clock = new VirtualClock();
  readonly #broker: MemoryBroker;
  readonly #contract = defineQueue<Body>(workQueue, { retry: { delaysMs } });
  readonly #processes: SimulatedProcess[] = [];
  readonly #rabbits: (Rabbit | undefined)[] = [];
  readonly #positions = new Map<string, number>();
  readonly #done = new Set<string>();
  /** Keys that a handler is at work for, of processes that live. */
  readonly #atWork = new WeakMap<SimulatedProcess, Set<string>>();
  readonly #killed = new Set<string>();
  readonly #unsent: Set<Sending>;
  readonly #violations = new Set<string>();
  readonly #exercised = new Map<string, number>();
  #begun = 0;
  #drainedAt: number | undefined;

  constructor(plan: SequencePlan) {
    this.#plan = plan;
    this.#unsent = new Set(plan.sendings);
    const writes = stream(plan.seed, 'writes');
    this.#broker = new MemoryBroker({
      clock: this.#clock,
      random: stream(plan.seed, 'broker'),
      version: plan.version,
      writeMs: () => Math.floor(writes() * plan.writeMs),
    });
  }

  /** Gives what went wrong, and how often something came up. */
  async run(): Promise<{ violations: readonly string[]; exercised: ReadonlyMap<string, number> }> {
    const { consumers, sendings, faults } = this.#plan;
    for (let index = 0; index < consumers; index += 1) this.#begin(index);
    let calmAt = 0;
    for (const sending of sendings) this.#send(sending);
    for (const fault of faults) {
      this.#schedule(fault);
      calmAt = Math.max(calmAt, fault.at + fault.durationMs);
    }
    await this.#until(() => this.#clock.now() > calmAt && this.#staysDrained(), calmAt + drainedWithinMs);
    this.#checkDeadLetters();
    if (this.#violations.size === 0) await this.#close();
    return { violations: [...this.#violations], exercised: this.#exercised };
  }

  #begin(index: number): void {
    const { seed, latencyMs, concurrency } = this.#plan;
    this.#begun += 1;
    const name = `consumer-${this.#begun}`;
    const bounds = { unconfirmed: 0, unsettled: concurrency + maxBuffered, laidAside: 0 };
    const observer = new Observer((violation) => this.#violations.add(`${name}: ${violation}`), bounds);
    const process = new SimulatedProcess({ name, seed, clock: this.#clock, broker: this.#broker, latencyMs, observer });
    this.#processes[index] = process;
    this.#rabbits[index] = undefined;
    this.#consume(index, process).catch((thrown: unknown) => {
      if (process.isAlive) this.#violations.add(`${name} failed: ${String(thrown)}`);
    });
  }

  async #consume(index: number, process: SimulatedProcess): Promise<void> {
    const { driver, effects } = process;
    const say = (fields: Readonly<Record<string, unknown>>, text: string): void => {
      if (!process.isAlive) return;
      if (text.includes('going on without')) this.#violations.add(`given up: ${JSON.stringify(fields)}`);
      if (!text.includes('a duplicate')) return;
      this.#exercise('a duplicate is dropped');
      process.observer.handled(String(fields.messageId)); // by whom, the end shows
    };
    const log = { trace: say, debug: say, info: say, warn: say, error: say };
    const rabbit = await connect({ url: 'amqp://one', waitMs: 3_600_000, driver, effects, log });
    this.#rabbits[index] = rabbit;
    const { concurrency } = this.#plan;
    await createConsumer(rabbit, this.#contract, (message) => this.#handle(index, process, message), {
      concurrency,
      handlerTimeoutMs: 2_000,
      handlerGraceMs: 500,
      startTimeoutMs: 600_000,
      resequence: { maxGapMs, maxBuffered, store: this.#storeOf(process) },
    });
  }

  /** As a database that outlives every process: what has reached it stays, whether or not anybody is told. */
  #storeOf(process: SimulatedProcess): PositionStore {
    const { storeMs, storeFails } = this.#plan;
    const { clock } = process.effects;
    const call = async <T>(work: () => T): Promise<T> => {
      await sleep(clock, Math.floor(process.random() * storeMs));
      const fails = process.random();
      if (fails < storeFails / 2) throw new Error('the store is away');
      const result = work();
      if (fails < storeFails) throw new Error('the store does not answer');
      return result;
    };
    return {
      load: (name) => call(() => this.#positions.get(name)),
      save: (name, position) =>
        call(() => void this.#positions.set(name, Math.max(position, this.#positions.get(name) ?? 0))),
    };
  }

  #handle(index: number, process: SimulatedProcess, message: ReceivedMessage<Body>): Promise<void> | undefined {
    if (!process.isAlive) return undefined; // what it still does has no effect
    const { key, number } = message.body;
    const id = `${key}.${number}`;
    for (let earlier = 1; earlier < number; earlier += 1) {
      if (!this.#isOver(`${key}.${earlier}`)) this.#violations.add(`${id} was handled before ${key}.${earlier}`);
    }
    const planned = this.#plan.keys.get(key)?.[number - 1];
    if (planned !== undefined && planned.kills > 0 && !this.#killed.has(id)) {
      this.#killed.add(id);
      const revive = this.#kill(index);
      this.#clock.setTimeout(revive, restartMs);
      return undefined;
    }
    const behaviour = planned?.behaviours[message.attempt - 1] ?? 'return';
    this.#exercise(behaviour);
    if (message.redelivered) this.#exercise('redelivered');
    if (behaviour === 'throw at once') throw new Error('at once');
    return this.#alone(key, process, () => this.#behave(id, process, behaviour, message));
  }

  /** No two handlers of a sequence are at work in one process. */
  async #alone(key: string, process: SimulatedProcess, work: () => Promise<void>): Promise<void> {
    const atWork = this.#atWork.get(process) ?? new Set();
    this.#atWork.set(process, atWork);
    if (atWork.has(key)) this.#violations.add(`${key} was handled beside another message of its sequence`);
    atWork.add(key);
    try {
      await work();
    } finally {
      atWork.delete(key);
    }
  }

  async #behave(
    id: string,
    process: SimulatedProcess,
    behaviour: Behaviour,
    { signal }: ReceivedMessage<Body>,
  ): Promise<void> {
    const { clock } = process.effects;
    await sleep(clock, behaviour === 'slow' ? 1_500 : Math.floor(process.random() * 50));
    if (behaviour === 'throw') throw new Error('not now');
    if (behaviour === 'dead-letter') throw new DeadLetter('never');
    if (behaviour === 'retry-later') throw new RetryLater(1_500);
    if (behaviour === 'hang') return sleep(clock, 1_000_000, signal);
    process.observer.handled(id);
    if (process.isAlive) this.#done.add(id);
  }

  #isOver(id: string): boolean {
    return this.#done.has(id) || this.#deadLetters().some(({ properties }) => properties.messageId === id);
  }

  #deadLetters(): ReturnType<MemoryBroker['messages']> {
    return this.#broker.queues().includes(deadLetterQueue) ? this.#broker.messages(deadLetterQueue) : [];
  }

  /** A dead letter that has no cause of its own is a copy of a message that was handled. */
  #checkDeadLetters(): void {
    for (const { properties, headers } of this.#deadLetters()) {
      const [key = '', number] = (properties.messageId ?? '').split('.');
      const planned = this.#plan.keys.get(key)?.[Number(number) - 1];
      const isPassed = String(headers['surehop-error-message']).includes('SEQUENCE_PASSED');
      if (isPassed) this.#exercise('a late copy is laid aside');
      const isCopy = isPassed && this.#done.has(`${key}.${number}`);
      const isDue = planned?.behaviours.some((one) => one !== 'return' && one !== 'slow') === true;
      if (!isCopy && !isDue)
        this.#violations.add(`${properties.messageId} is a dead letter: ${JSON.stringify(headers)}`);
    }
  }

  /** As another publisher does, again while the broker does not have it: what it was writing when it was killed is lost. */
  #send(sending: Sending): void {
    const { key, number, at } = sending;
    const messageId = `${key}.${number}`;
    const content = new TextEncoder().encode(JSON.stringify({ key, number }));
    const headers = { 'surehop-sequence': number, 'surehop-sequence-key': key };
    const properties = { messageId, contentType: 'application/json', deliveryMode: 2 };
    let isSent = false;
    const attempt = (): void => {
      const isThere = this.#broker.queues().includes(workQueue);
      const has = isThere && this.#broker.messages(workQueue).some((one) => one.properties.messageId === messageId);
      if (isSent && this.#isOver(messageId)) {
        this.#unsent.delete(sending);
        return;
      }
      if (this.#broker.isUp && isThere && !(isSent && has)) {
        isSent = this.#broker.publish('', workQueue, { content, properties, headers }) || isSent;
      }
      this.#clock.setTimeout(attempt, 1_000);
    };
    this.#clock.setTimeout(attempt, at);
  }

  #schedule(fault: Fault): void {
    this.#clock.setTimeout(() => {
      this.#exercise(`fault: ${fault.kind}`);
      const end = befall(
        {
          broker: this.#broker,
          clock: this.#clock,
          processes: this.#processes,
          publishers: 0,
          kill: (index) => this.#kill(index),
        },
        fault,
      );
      this.#clock.setTimeout(end, fault.durationMs);
    }, fault.at);
  }

  #kill(index: number): () => void {
    this.#processes[index]?.kill();
    return () => {
      if (!this.#processes[index]?.isAlive) this.#begin(index);
    };
  }

  #staysDrained(): boolean {
    const isDrained =
      this.#unsent.size === 0 &&
      this.#processes.every(({ isAlive }) => isAlive) &&
      this.#broker.isEmpty(deadLetterQueue);
    if (!isDrained) this.#drainedAt = undefined;
    else this.#drainedAt ??= this.#clock.now();
    return this.#drainedAt !== undefined && this.#clock.now() - this.#drainedAt > settlesWithinMs;
  }

  async #close(): Promise<void> {
    for (const [key, messages] of this.#plan.keys) {
      for (const { number } of messages) {
        if (!this.#isOver(`${key}.${number}`)) this.#violations.add(`lost: ${key}.${number}`);
      }
    }
    let isClosed = false;
    void Promise.all(this.#rabbits.map(async (rabbit) => rabbit?.close())).then(() => {
      isClosed = true;
    });
    await this.#until(() => isClosed && this.#broker.connections === 0, this.#clock.now() + 60_000);
    // A question that the store has not answered may still be; nothing else.
    const isQuiet = (): boolean => this.#processes.every(({ timers }) => timers === 0);
    await this.#until(isQuiet, this.#clock.now() + this.#plan.storeMs);
  }

  #exercise(what: string): void {
    this.#exercised.set(what, (this.#exercised.get(what) ?? 0) + 1);
  }

  /** In a turn of the event loop of its own, where promises can be made to settle. */
  #until(isOver: () => boolean, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        settlePromises();
        for (let steps = 0; !isOver(); steps += 1) {
          const next = this.#clock.nextAt;
          if (next === undefined || next > limitMs || steps > maxSteps) {
            this.#violations.add(`it has not come to rest after ${this.#clock.now()} ms`);
            break;
          }
          this.#clock.runNext();
          settlePromises();
          if (this.#violations.size >= 5) break;
        }
        resolve();
      });
    });
  }
}
