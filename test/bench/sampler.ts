import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Broker, FaultProxy, type Vhost } from '@surehop/testing';
import {
  type Assignment,
  type Errand,
  type Outcome,
  type Pace,
  type QueueRole,
  queueRoles,
  type Word,
} from './assignment.ts';
import type { Cell } from './cell.ts';
import type { Sample } from './figures.ts';
import type { Library } from './libraries.ts';
import { QueueKeeper } from './queue-keeper.ts';
import { ladderDelaysMs } from './workloads.ts';

const clientProcess = fileURLToPath(new URL('client-process.ts', import.meta.url));
const nullBroker = fileURLToPath(new URL('null-broker/process.ts', import.meta.url));
const published = new URL('published.ts', import.meta.url).href;
/** Beyond what it measures. The endurance run has as much again for each message. */
const graceMs = 60_000;
const slowestPerMessageMs = 0.5;
/** Of what a process wrote to standard error, so much goes into a failure. */
const keptOfErrors = 2_000;

/** Where the client of one run connects to, and what is put away afterwards. */
interface Place {
  readonly url: string;
  takeAway(): void;
  leave(): Promise<void>;
}

/** Measures one library at a time, each in a process of its own, on one broker. */
export class Sampler implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #vhost: Vhost;
  readonly #keeper: QueueKeeper;

  private constructor(broker: Broker, vhost: Vhost, keeper: QueueKeeper) {
    this.#broker = broker;
    this.#vhost = vhost;
    this.#keeper = keeper;
  }

  static async open(broker: Broker): Promise<Sampler> {
    const vhost = await broker.vhost();
    return new Sampler(broker, vhost, await QueueKeeper.open(vhost.url()));
  }

  /** @throws {Error} the library failed, or the queues do not hold what its figures mean */
  async measure(cell: Cell, library: Library, pace: Pace): Promise<Sample> {
    const place = await this.#place(cell);
    const queues = this.#queuesOf(cell, library);
    try {
      const assignment: Assignment = {
        library: library.file,
        task: cell.workload.task,
        url: place.url,
        queues,
        queueType: cell.queueType ?? 'quorum',
        bodyBytes: cell.bodyBytes,
        pace,
        hasQueues: cell.workload.broker !== 'null',
      };
      const { sample, claims } = await this.#client(assignment, place);
      for (const claim of claims) await this.#keeper.verify(claim);
      for (const { queue } of claims) if (queue !== queues.backlog) await this.#keeper.empty(queue);
      return sample;
    } catch (error) {
      for (const queue of Object.values(queues)) await this.#keeper.empty(queue);
      throw error;
    } finally {
      await place.leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
    await this.#vhost.close();
  }

  #queuesOf({ queueType = 'quorum', bodyBytes }: Cell, library: Library): Record<QueueRole, string> {
    const name = (role: QueueRole): string => {
      const delays = role === 'retried' ? { delaysMs: ladderDelaysMs } : {};
      return this.#vhost.unique(`${library.name}.${queueType}.${bodyBytes}.${role}`, delays);
    };
    return Object.fromEntries(queueRoles.map((role) => [role, name(role)])) as Record<QueueRole, string>;
  }

  async #place({ workload, bodyBytes }: Cell): Promise<Place> {
    if (workload.broker === 'null') return nullPlace(bodyBytes);
    if (workload.broker === 'proxied') {
      const proxy = await FaultProxy.start(this.#broker);
      const takeAway = (): void => {
        proxy.refuse();
        proxy.cut();
      };
      return { url: this.#vhost.url(proxy.port), takeAway, leave: () => proxy.close() };
    }
    return { url: this.#vhost.url(), takeAway: () => undefined, leave: () => Promise.resolve() };
  }

  async #client(assignment: Assignment, place: Place): Promise<Outcome> {
    const child = fork(clientProcess, [JSON.stringify(assignment)], {
      execArgv: ['--expose-gc', '--import', published],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    const limitMs =
      assignment.task.kind === 'endurance'
        ? graceMs + assignment.pace.enduranceMessages * slowestPerMessageMs
        : graceMs + assignment.pace.measureMs;
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    try {
      return await this.#listen(child, assignment, place, limitMs);
    } finally {
      clearTimeout(timer);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
  }

  /** Runs the child's errands until it has ended. Its figures count only if it has ended well. */
  async #listen(child: ChildProcess, assignment: Assignment, place: Place, limitMs: number): Promise<Outcome> {
    let errors = '';
    child.stderr?.on('data', (text) => {
      errors = `${errors}${text}`.slice(-keptOfErrors);
    });
    let outcome: Outcome | undefined;
    const failed = Promise.withResolvers<never>();
    child.on('message', (word: Word) => {
      if ('outcome' in word) outcome = word.outcome;
      else if ('failure' in word) failed.reject(new Error(word.failure));
      else
        this.#run(word, assignment, place).then(
          () => child.send('done'),
          (error) => failed.reject(error),
        );
    });
    const [code, signal] = await Promise.race([once(child, 'close'), failed.promise]);
    if (outcome !== undefined && code === 0) return outcome;
    const how = signal === null ? `ended with ${code}` : `was killed after ${limitMs / 1_000} s`;
    throw new Error(`its process ${how}${outcome === undefined ? '' : ', though it had measured'}\n${errors}`.trim());
  }

  async #run(errand: Errand, { bodyBytes }: Assignment, place: Place): Promise<void> {
    switch (errand.errand) {
      case 'fill':
        return this.#keeper.fill(errand.queue, errand.upTo, bodyBytes);
      case 'take-broker-away':
        return place.takeAway();
      default:
        return errand satisfies never;
    }
  }
}

async function nullPlace(bodyBytes: number): Promise<Place> {
  const server = fork(nullBroker, [String(bodyBytes)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [port] = (await once(server, 'message')) as [number];
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    takeAway: () => undefined,
    async leave() {
      server.disconnect();
      await once(server, 'exit');
    },
  };
}
