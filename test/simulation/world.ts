import { type FrameFate, type FrameInfo, MemoryBroker, VirtualClock } from '@surehop/testing/internal';
import type { Remaining, Report } from '../faults/history.ts';
import { AnswerBook } from './answer-book.ts';
import { befall, restartMs } from './faults.ts';
import { KeyOrder } from './key-order.ts';
import { Observer } from './observer.ts';
import type { Fault, Plan, PlannedMessage } from './plan.ts';
import { SimulatedProcess } from './process.ts';
import { settlePromises } from './promises.ts';
import { stream } from './random.ts';
import { deadLetterQueue, delayParking, isReplyQueue, replyQueueOwner, Scene } from './scene.ts';
import { ConsumingService, PublishingService, prefetchOf, type Service, type Shared } from './services.ts';
import { Strangers } from './strangers.ts';
import { ailments, areWell, deadLetterViolations, replyQueueViolations } from './verdict.ts';

export interface Outcome {
  readonly report: Report;
  /** Empty when everything held. */
  readonly violations: readonly string[];
  readonly exercised: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly virtualMs: number;
}

/** Long enough for what waits for a dead-letter worker, and for the next look at the topology before it. */
const drainedWithinMs = 600_000;
/** Longer than a rung and every latency. */
const settlesWithinMs = 3_000;
/** The longest wait between two connects, a connect and all RPCs that may time out before it. */
const wellWithinMs = 40_000;
const closedWithinMs = 60_000;
const maxSteps = 100_000;
/** Steps between two looks at what is bounded. */
const boundsEvery = 64;
/** Violations after which a run is broken off. */
const enough = 5;

/** Publishers, consumers and a broker, and what befalls them, from one plan. */
export class World {
  readonly #scene: Scene;
  readonly #broker: MemoryBroker;
  readonly #strangers: Strangers;
  /** Publishers first, then consumers; the latest in each place. */
  readonly #services: Service[] = [];
  readonly #shared: Shared;
  #drainedAt: number | undefined;
  #steps = 0;
  #begun = 0;

  constructor(plan: Plan, onTrace?: (line: string) => void) {
    const clock = new VirtualClock();
    this.#scene = new Scene(plan, clock, onTrace);
    const writes = stream(plan.seed, 'writes');
    this.#broker = new MemoryBroker({
      clock,
      random: stream(plan.seed, 'broker'),
      version: plan.version,
      writeMs: () => Math.floor(writes() * plan.writeMs),
    });
    this.#strangers = new Strangers(this.#scene, this.#broker);
    this.#shared = {
      killed: new Map(),
      calls: new Map(),
      keyOrder: new KeyOrder(this.#scene, this.#broker),
      answers: new AnswerBook(this.#scene, this.#broker),
    };
  }

  async run(): Promise<Outcome> {
    const { plan, clock, violations, exercised } = this.#scene;
    for (let index = 0; index < plan.publishers + plan.consumers; index += 1) this.#begin(index);
    this.#strangers.schedule();
    let faultsEnd = 0;
    for (const fault of plan.faults) {
      this.#schedule(fault);
      faultsEnd = Math.max(faultsEnd, fault.at + fault.durationMs);
    }
    for (const { consumer, at } of plan.deployments ?? []) {
      clock.setTimeout(() => this.#deploy(plan.publishers + (consumer % plan.consumers)), at);
      faultsEnd = Math.max(faultsEnd, at);
    }
    for (const { publisher, at } of plan.closings ?? []) {
      clock.setTimeout(() => this.#closeInOrder(publisher % plan.publishers), at);
      faultsEnd = Math.max(faultsEnd, at);
    }
    for (const { at } of plan.strangers) faultsEnd = Math.max(faultsEnd, at);
    const isDrained = (): boolean => clock.now() > faultsEnd && this.#staysDrained();
    await this.#until(isDrained, faultsEnd + drainedWithinMs, 'draining');
    // What has not come to rest says so already.
    const isWell = (): boolean => areWell(this.#services);
    if (violations.size === 0) await this.#until(isWell, clock.now() + wellWithinMs, 'getting well');
    if (!isWell()) for (const ailment of ailments(this.#services)) this.#scene.violate(ailment);
    for (const one of replyQueueViolations(this.#broker, this.#services, false)) this.#scene.violate(one);
    if (violations.size === 0) await this.#close();
    const report = this.#report();
    for (const kind of ['lost', 'phantom', 'hung'] as const) {
      for (const id of report[kind]) this.#scene.violate(`${kind}: ${id}`);
    }
    for (const { id, queue } of report.stuck) this.#scene.violate(`stuck: ${id} in ${queue}`);
    for (const one of deadLetterViolations(this.#scene, this.#broker)) this.#scene.violate(one);
    for (const one of this.#strangers.violations()) this.#scene.violate(one);
    return { report, violations: [...violations], exercised, steps: this.#steps, virtualMs: clock.now() };
  }

  #begin(index: number): void {
    const { plan, clock, isTraced } = this.#scene;
    const isPublisher = index < plan.publishers;
    this.#begun += 1;
    const name = `${isPublisher ? 'publisher' : 'consumer'}-${this.#begun}`;
    const { seed, latencyMs } = plan;
    const observer = new Observer((violation) => this.#scene.violate(`${name}: ${violation}`), {
      unconfirmed: plan.maxUnconfirmed,
      unsettled: prefetchOf(plan),
      // With what others have sent in their last moments, and what was in hand and is suspect: with each death, that is more.
      laidAside: 2 * (plan.mostWaiting ?? 0) + prefetchOf(plan) * (1 + mostKills(plan)) + 10,
    });
    const onFrame = (frame: FrameInfo, fate: FrameFate): void => this.#scene.trace(() => frameText(name, frame, fate));
    const traced = isTraced ? { onFrame } : {};
    const process = new SimulatedProcess({ name, seed, clock, broker: this.#broker, latencyMs, observer, ...traced });
    const service = isPublisher
      ? new PublishingService(
          this.#scene,
          process,
          this.#shared.answers,
          ({ number }: PlannedMessage) => number % plan.publishers === index,
        )
      : new ConsumingService(this.#scene, process, this.#shared, () => {
          const revive = this.#kill(index);
          clock.setTimeout(revive, restartMs);
        });
    this.#services[index] = service;
    service.start();
  }

  /** Ends a process as a new version does, which then starts. */
  #deploy(index: number): void {
    const service = this.#services[index] as Service;
    if (!service.isAtWork) return; // it is just starting
    this.#scene.exercise('deployment');
    this.#scene.trace(() => `DEPLOYMENT of ${service.process.name}`);
    void service.rabbit?.close().then(() => {
      if (this.#services[index] === service) this.#kill(index)();
    });
  }

  /** Ends a publisher: what it has under way is settled then, one way or the other, whatever else happens. */
  #closeInOrder(index: number): void {
    const service = this.#services[index] as PublishingService;
    const { process, rabbit, isAtWork } = service;
    if (!isAtWork || rabbit === undefined || service.isClosing) return;
    this.#scene.exercise('closing');
    this.#scene.trace(() => `CLOSING of ${process.name}`);
    service.isClosing = true;
    let isClosed = false;
    this.#scene.clock.setTimeout(() => {
      if (process.isAlive && !isClosed) this.#scene.violate(`${process.name} has not closed`);
    }, closedWithinMs);
    void rabbit.close().then(() => {
      isClosed = true;
      if (this.#services[index] !== service || !process.isAlive) return; // a dead process hears of nothing
      for (const id of service.open) this.#scene.violate(`${id} was left unsettled by close()`);
      this.#kill(index)();
    });
  }

  #schedule(fault: Fault): void {
    const { clock } = this.#scene;
    clock.setTimeout(() => {
      this.#scene.trace(() => `FAULT ${fault.kind}`);
      this.#scene.exercise(`fault: ${fault.kind}`);
      const end = befall(this.#harmed, fault);
      clock.setTimeout(() => {
        this.#scene.trace(() => `END of ${fault.kind}`);
        end();
      }, fault.durationMs);
    }, fault.at);
  }

  get #harmed(): Parameters<typeof befall>[0] {
    return {
      broker: this.#broker,
      clock: this.#scene.clock,
      processes: this.#services.map(({ process }) => process),
      publishers: this.#scene.plan.publishers,
      kill: (index) => this.#kill(index),
    };
  }

  /** Returns what starts it again. */
  #kill(index: number): () => void {
    const { process, open } = this.#services[index] as Service;
    process.kill();
    for (const id of open) this.#scene.excused.add(id);
    return () => {
      if (!this.#services[index]?.process.isAlive) this.#begin(index);
    };
  }

  /** What was held up on its way may still come: a copy, of a message that others have handled meanwhile. */
  #staysDrained(): boolean {
    const now = this.#scene.clock.now();
    if (!this.#isDrained) this.#drainedAt = undefined;
    else this.#drainedAt ??= now;
    return this.#drainedAt !== undefined && now - this.#drainedAt > settlesWithinMs;
  }

  get #isDrained(): boolean {
    const broker = this.#broker;
    return (
      this.#scene.unresolved.size === 0 &&
      this.#services.every(({ process, isAtWork }) => process.isAlive && isAtWork) &&
      broker.isEmpty(deadLetterQueue, delayParking, ...this.#abandonedReplyQueues())
    );
  }

  /** Of processes that have been killed: nobody takes their answers. */
  #abandonedReplyQueues(): string[] {
    if (this.#scene.plan.requests === undefined) return [];
    const alive = new Set(this.#services.map(({ process }) => process.name));
    return this.#broker.queues().filter((name) => isReplyQueue(name) && !alive.has(replyQueueOwner(name)));
  }

  async #close(): Promise<void> {
    let isClosed = false;
    const rabbits = this.#services.flatMap(({ rabbit }) => rabbit ?? []);
    void Promise.all(rabbits.map((rabbit) => rabbit.close())).then(() => {
      isClosed = true;
    });
    // Whose connection is lost while it closes cannot delete its reply queue: the broker does, in time.
    const cutOff = new Set<Service>();
    const isOver = (): boolean => {
      for (const service of this.#services) {
        const phase = service.rabbit?.health().links.consume.phase;
        if (phase === 'waiting' || phase === 'connecting') cutOff.add(service);
      }
      return isClosed && this.#broker.connections === 0;
    };
    await this.#until(isOver, this.#scene.clock.now() + closedWithinMs, 'closing');
    for (const { process } of this.#services) {
      if (process.timers > 0) this.#scene.violate(`${process.name} is closed and has ${process.timers} timers left`);
    }
    for (const one of replyQueueViolations(
      this.#broker,
      this.#services.filter((one) => !cutOff.has(one)),
      true,
    ))
      this.#scene.violate(one);
  }

  /** In a turn of the event loop of its own, where promises can be made to settle. */
  #until(isOver: () => boolean, limitMs: number, what: string): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#run(isOver, limitMs, what);
        resolve();
      });
    });
  }

  #run(isOver: () => boolean, limitMs: number, what: string): void {
    const { clock, violations } = this.#scene;
    settlePromises();
    for (let next = clock.nextAt; !isOver(); next = clock.nextAt) {
      if (next === undefined || next > limitMs || this.#steps >= maxSteps) {
        const spent = `${Math.round(clock.now())} ms and ${this.#steps} steps`;
        this.#scene.violate(
          `${what} has not ended after ${spent}; left in queues: ${this.#left.join(', ') || 'nothing'}`,
        );
        return;
      }
      clock.runNext();
      this.#steps += 1;
      settlePromises();
      if (this.#steps % boundsEvery === 0) this.#checkBounds();
      if (violations.size >= enough) return;
    }
  }

  get #left(): string[] {
    return this.#broker.queues().flatMap((name) => {
      const { length } = this.#broker.messages(name);
      return length === 0 ? [] : `${name} ${length}`;
    });
  }

  #checkBounds(): void {
    const { maxAwaitedAnswers = 0 } = this.#scene.plan;
    for (const { awaitedAnswers } of this.#services) {
      if (awaitedAnswers > maxAwaitedAnswers) this.#scene.violate(`${awaitedAnswers} answers awaited at once`);
    }
  }

  #report(): Report {
    const { history, clock, excused } = this.#scene;
    const remaining: Remaining[] = [];
    for (const queue of this.#broker.queues()) {
      for (const { properties } of this.#broker.messages(queue)) {
        const id = properties.messageId ?? '';
        if (queue === deadLetterQueue || queue === delayParking)
          history.add({ kind: 'dead-lettered', id, at: clock.now() });
        else remaining.push({ id, queue });
      }
    }
    return history.report(remaining, excused);
  }
}

function mostKills({ messages }: Plan): number {
  return Math.max(0, ...messages.map(({ kills }) => kills));
}

function frameText(name: string, { direction, line, channel, method }: FrameInfo, fate: FrameFate): string {
  const way = direction === 'to-broker' ? `${name} ─▶` : `${name} ◀─`;
  const told = typeof fate === 'string' ? fate : 'the last that is read';
  return `${way} ${method} (line ${line}, channel ${channel})${fate === 'pass' ? '' : `: ${told}`}`;
}
