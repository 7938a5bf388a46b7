import {
  createConsumer,
  DeadLetter,
  defineQueue,
  type QueueContract,
  type ReceivedMessage,
  RetryLater,
} from '@surehop/consumer';
import { sleep } from '@surehop/core/internal';
import { connect, createPublisher, isSurehopError, type Publisher, type Rabbit } from '@surehop/publisher';
import { MemoryBroker, VirtualClock } from '@surehop/testing/internal';
import { History, type Remaining, type Report } from '../faults/history.ts';
import { type Behaviour, delaysMs, type Fault, type Plan } from './plan.ts';
import { SimulatedProcess } from './process.ts';
import { type Random, seededRandom } from './random.ts';

export interface Outcome {
  readonly report: Report;
  /** Empty when everything held. */
  readonly violations: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
}

interface Body {
  readonly number: number;
}

/** Long enough for what waits for a dead-letter worker. */
const drainedWithinMs = 600_000;
/** Longer than a rung and every latency. */
const settlesWithinMs = 3_000;
const closedWithinMs = 60_000;
const maxSteps = 400_000;
const quiet = (): void => undefined;
const log = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet, child: () => log };

/** Publishers, consumers and a broker, and what befalls them, from one plan. */
export class World {
  readonly #plan: Plan;
  readonly #clock = new VirtualClock();
  readonly #random: Random;
  readonly #broker: MemoryBroker;
  readonly #contract: QueueContract<Body>;
  readonly #history = new History();
  readonly #violations = new Set<string>();
  readonly #processes: SimulatedProcess[] = [];
  readonly #rabbits = new Map<SimulatedProcess, Rabbit>();
  readonly #unresolved = new Set<number>();
  /** Those that are at work. */
  readonly #started = new Set<SimulatedProcess>();
  readonly #excused = new Set<string>();
  readonly #open = new Map<SimulatedProcess, Set<string>>();
  #drainedAt: number | undefined;
  #sendings = 0;
  #steps = 0;
  #begun = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#random = seededRandom(plan.seed ^ 0x5bd1e995);
    const { version, type, writeMs } = plan;
    this.#broker = new MemoryBroker({
      clock: this.#clock,
      random: this.#random,
      version,
      writeMs: () => Math.floor(this.#random() * writeMs),
    });
    this.#contract = defineQueue<Body>('orders', { type, retry: { delaysMs } });
  }

  async run(): Promise<Outcome> {
    const plan = this.#plan;
    for (let number = 0; number < plan.messages; number += 1) this.#unresolved.add(number);
    this.#begin('publisher', 0);
    for (let index = 0; index < plan.consumers; index += 1) this.#begin('consumer', index + 1);
    let faultsEnd = 0;
    for (const fault of plan.faults) {
      this.#schedule(fault);
      faultsEnd = Math.max(faultsEnd, fault.at + fault.durationMs);
    }
    await this.#until(
      () => this.#clock.now() > faultsEnd && this.#staysDrained(),
      faultsEnd + drainedWithinMs,
      'draining',
    );
    await this.#close();
    const report = this.#report();
    for (const kind of ['lost', 'phantom', 'hung'] as const) {
      for (const id of report[kind]) this.#violations.add(`${kind}: ${id}`);
    }
    for (const { id, queue } of report.stuck) this.#violations.add(`stuck: ${id} in ${queue}`);
    const violations = [...this.#violations];
    return { report, violations, steps: this.#steps, virtualMs: this.#clock.now() };
  }

  #begin(role: 'publisher' | 'consumer', index: number): void {
    this.#begun += 1;
    const latencyMs = (): number => Math.floor(this.#random() * (this.#plan.latencyMs + 1));
    const name = `${role}-${this.#begun}`;
    const process = new SimulatedProcess(name, this.#clock, this.#random, this.#broker, latencyMs);
    this.#processes[index] = process;
    this.#open.set(process, new Set());
    const run = role === 'publisher' ? this.#publishAll(process) : this.#consume(process);
    run.catch((thrown: unknown) => {
      if (process.isAlive) this.#violations.add(`${role} failed: ${String(thrown)}`);
    });
  }

  async #connect(process: SimulatedProcess): Promise<Rabbit> {
    const { driver, effects } = process;
    const rabbit = await connect({ url: 'amqp://memory', waitMs: 3_600_000, driver, effects, log });
    this.#rabbits.set(process, rabbit);
    return rabbit;
  }

  async #publishAll(process: SimulatedProcess): Promise<void> {
    const { maxUnconfirmed, everyMs } = this.#plan;
    const publisher = createPublisher(await this.#connect(process), { maxUnconfirmed });
    this.#started.add(process);
    for (const number of [...this.#unresolved]) {
      await sleep(process.effects.clock, everyMs);
      void this.#publish(process, publisher, number);
    }
  }

  /** Until its promise resolves, each time under a new id. */
  async #publish(process: SimulatedProcess, publisher: Publisher, number: number): Promise<void> {
    while (process.isAlive && this.#unresolved.has(number)) {
      this.#sendings += 1;
      const id = `${number}.${this.#sendings}`;
      const { deadlineMs } = this.#plan;
      const at = this.#clock.now();
      this.#history.add({ kind: 'published', id, at, dueAt: at + deadlineMs + 250 });
      this.#open.get(process)?.add(id);
      const rejected = await publisher
        .publish(this.#contract, { number }, { messageId: id, deadlineMs })
        .then(() => undefined)
        .catch((thrown: unknown) => thrown);
      if (!process.isAlive) return;
      this.#open.get(process)?.delete(id);
      if (rejected === undefined) {
        this.#unresolved.delete(number);
        this.#history.add({ kind: 'resolved', id, at: this.#clock.now() });
        return;
      }
      const stored = isSurehopError(rejected, 'SUREHOP_PUBLISH_UNKNOWN') ? 'unknown' : 'no';
      this.#history.add({ kind: 'rejected', id, at: this.#clock.now(), stored });
      if (!isSurehopError(rejected)) this.#violations.add(`rejected with ${String(rejected)}`);
      await sleep(process.effects.clock, 200);
    }
  }

  async #consume(process: SimulatedProcess): Promise<void> {
    const rabbit = await this.#connect(process);
    const { concurrency } = this.#plan;
    const options = { concurrency, handlerTimeoutMs: 2_000, handlerGraceMs: 500 };
    await createConsumer(rabbit, this.#contract, (delivery) => this.#handle(process, delivery), options);
    this.#started.add(process);
  }

  #handle(process: SimulatedProcess, delivery: ReceivedMessage<Body>): Promise<void> | undefined {
    const { attempt, body, properties } = delivery;
    if (attempt > delaysMs.length + 1) this.#violations.add(`attempt ${attempt} of ${String(properties.messageId)}`);
    const behaviour = this.#plan.behaviours[body.number]?.[attempt - 1] ?? 'return';
    if (behaviour === 'throw at once') throw new Error('at once');
    return this.#behave(process, behaviour, delivery);
  }

  async #behave(
    process: SimulatedProcess,
    behaviour: Behaviour,
    { properties, signal }: ReceivedMessage<Body>,
  ): Promise<void> {
    const { clock } = process.effects;
    await sleep(clock, Math.floor(this.#random() * 50));
    if (behaviour === 'throw') throw new Error('not now');
    if (behaviour === 'dead-letter') throw new DeadLetter('never');
    if (behaviour === 'retry-later') throw new RetryLater(1_500);
    if (behaviour === 'hang') return sleep(clock, 1_000_000, signal);
    if (process.isAlive) this.#history.add({ kind: 'handled', id: properties.messageId ?? '', at: this.#clock.now() });
  }

  #schedule(fault: Fault): void {
    this.#clock.setTimeout(() => {
      const end = this.#befall(fault);
      this.#clock.setTimeout(end, fault.durationMs);
    }, fault.at);
  }

  /** Returns what ends it. */
  #befall({ kind, victim: number, frames, durationMs }: Fault): () => void {
    const broker = this.#broker;
    const index = number % this.#processes.length;
    const victim = this.#processes[index] as SimulatedProcess;
    const heal = (): void => victim.network.heal();
    switch (kind) {
      case 'cut':
        victim.network.cut();
        return quiet;
      case 'black hole':
        victim.network.blackhole();
        return heal;
      case 'deaf':
        victim.network.blackhole('to-client');
        return heal;
      case 'mute':
        victim.network.blackhole('to-broker');
        return heal;
      case 'broker killed':
        broker.kill();
        return () => broker.start();
      case 'broker stopped':
        broker.stop();
        return () => broker.start();
      case 'broker frozen':
        broker.freeze();
        return () => broker.resume();
      case 'alarm':
        broker.setAlarm('memory', true);
        return () => broker.setAlarm('memory', false);
      case 'connections closed':
        broker.closeConnections();
        return quiet;
      case 'consumers cancelled':
        if (broker.queues().includes('orders')) broker.cancelConsumers('orders');
        return quiet;
      case 'publisher killed':
        this.#kill(0);
        return () => this.#revive('publisher', 0);
      case 'consumer killed': {
        const consumer = 1 + (number % this.#plan.consumers);
        this.#kill(consumer);
        return () => this.#revive('consumer', consumer);
      }
      case 'reset at a frame':
        return resetAfter(victim, frames);
      case 'clock jump':
        this.#clock.jumpEpoch(durationMs % 20 === 0 ? 3_600_000 : -3_600_000);
        return quiet;
    }
  }

  #kill(index: number): void {
    const process = this.#processes[index] as SimulatedProcess;
    process.kill();
    this.#rabbits.delete(process);
    for (const id of this.#open.get(process) ?? []) this.#excused.add(id);
  }

  #revive(role: 'publisher' | 'consumer', index: number): void {
    if (!this.#processes[index]?.isAlive) this.#begin(role, index);
  }

  /** What was held up on its way may still come: a copy, of a message that others have handled meanwhile. */
  #staysDrained(): boolean {
    const now = this.#clock.now();
    if (!this.#isDrained) this.#drainedAt = undefined;
    else this.#drainedAt ??= now;
    return this.#drainedAt !== undefined && now - this.#drainedAt > settlesWithinMs;
  }

  get #isDrained(): boolean {
    return (
      this.#unresolved.size === 0 &&
      this.#processes.every((process) => !process.isAlive || this.#started.has(process)) &&
      this.#broker.queues().every((name) => {
        const { ready, unacked, deadLettering } = this.#broker.queue(name);
        return deadLettering === 0 && (name === 'orders.dead-letter' || ready + unacked === 0);
      })
    );
  }

  async #close(): Promise<void> {
    let isClosed = false;
    void Promise.all([...this.#rabbits.values()].map((rabbit) => rabbit.close())).then(() => {
      isClosed = true;
    });
    const isOver = (): boolean => isClosed && this.#broker.connections === 0;
    await this.#until(isOver, this.#clock.now() + closedWithinMs, 'closing');
  }

  async #until(isOver: () => boolean, limitMs: number, what: string): Promise<void> {
    let next = this.#clock.nextAt;
    while (!isOver() && next !== undefined && next <= limitMs && this.#steps < maxSteps) {
      this.#clock.runNext();
      this.#steps += 1;
      await new Promise((resolve) => setImmediate(resolve));
      this.#checkBounds();
      next = this.#clock.nextAt;
    }
    if (!isOver()) this.#violations.add(`${what} has not ended after ${this.#clock.now()} ms and ${this.#steps} steps`);
  }

  #checkBounds(): void {
    for (const rabbit of this.#rabbits.values()) {
      for (const { unconfirmed } of rabbit.health().publishers) {
        if (unconfirmed > this.#plan.maxUnconfirmed) this.#violations.add(`${unconfirmed} unconfirmed at once`);
      }
    }
  }

  #report(): Report {
    const remaining: Remaining[] = [];
    for (const queue of this.#broker.queues()) {
      for (const { properties } of this.#broker.messages(queue)) {
        const id = properties.messageId ?? '';
        if (queue === 'orders.dead-letter') this.#history.add({ kind: 'dead-lettered', id, at: this.#clock.now() });
        else remaining.push({ id, queue });
      }
    }
    return this.#history.report(remaining, this.#excused);
  }
}

function resetAfter({ network }: SimulatedProcess, frames: number): () => void {
  let left = frames;
  network.onFrame = () => {
    left -= 1;
    return left < 0 ? 'reset' : 'pass';
  };
  return () => {
    network.onFrame = () => 'pass';
  };
}
