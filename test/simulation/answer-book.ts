import { isSurehopError } from '@surehop/publisher';
import type { MemoryBroker } from '@surehop/testing/internal';
import { poisonKills } from './plan.ts';
import type { SimulatedProcess } from './process.ts';
import { deadLetterQueue, type Scene, waitingQueue, workQueue } from './scene.ts';

/** How long an answer may be on its way once nothing befalls any more: the longest waits between two connects, and RPCs that time out. */
const answeredWithinMs = 40_000;

/** One call that waits for an answer. */
export interface Call {
  readonly id: string;
  readonly at: number;
  /** How long somebody waits for it. */
  readonly waitMs: number;
  /** It was closed meanwhile, or is about to be. */
  readonly isClosing: boolean;
}

interface Handling {
  readonly process: SimulatedProcess;
  readonly at: number;
  readonly value: string;
}

/** What handlers have returned, and whether what was told to those who waited is that. */
export class AnswerBook {
  readonly #scene: Scene;
  readonly #broker: MemoryBroker;
  readonly #handlings = new Map<string, Handling[]>();
  /** When the last fault is over. */
  readonly #calmAt: number;

  constructor(scene: Scene, broker: MemoryBroker) {
    this.#scene = scene;
    this.#broker = broker;
    this.#calmAt = Math.max(0, ...scene.plan.faults.map(({ at, durationMs }) => at + durationMs));
  }

  /** A handler returns this, in a process that lives. */
  returned(id: string, process: SimulatedProcess, value: unknown): void {
    const known = this.#handlings.get(id) ?? [];
    known.push({ process, at: this.#scene.clock.now(), value: JSON.stringify(value) });
    this.#handlings.set(id, known);
  }

  /** The call has resolved with this. */
  answered({ id }: Call, value: unknown): void {
    this.#scene.exercise('request: answered');
    const told = JSON.stringify(value);
    if (this.#handlings.get(id)?.some((handling) => handling.value === told)) return;
    this.#scene.violate(`${id} was answered with ${told}, which no handler has returned for it`);
  }

  /** The call was rejected with this. True when that says that the message is stored. */
  rejected(call: Call, error: unknown): boolean {
    if (isSurehopError(error, 'SUREHOP_DEAD_LETTERED')) this.#deadLettered(call, error);
    else if (isSurehopError(error, 'SUREHOP_NO_ANSWER')) this.#unanswered(call, error);
    else return false;
    return true;
  }

  /** Of what ends each process, no handler says anything. */
  #isPoison(id: string): boolean {
    return this.#scene.plan.messages.some(({ number, kills }) => id.startsWith(`${number}.`) && kills === poisonKills);
  }

  #deadLettered({ id }: Call, { cause, message }: Error): void {
    this.#scene.exercise('request: dead-lettered');
    const letters = this.#broker.queues().includes(deadLetterQueue) ? this.#broker.messages(deadLetterQueue) : [];
    const letter = letters.find(({ properties }) => properties.messageId === id);
    if (letter === undefined) this.#scene.violate(`${id} is told to be dead-lettered, and is not: ${message}`);
    const isOwn = isSurehopError(cause, 'SUREHOP_HANDLER_TIMEOUT') || isErrorOf(id, cause) || this.#isPoison(id);
    if (!isOwn) this.#scene.violate(`${id} was rejected with what its handler has not thrown: ${String(cause)}`);
  }

  #unanswered(call: Call, { message }: Error): void {
    const { id, at, waitMs, isClosing } = call;
    const { clock } = this.#scene;
    this.#scene.exercise(isClosing ? 'request: no answer before the end' : 'request: no answer');
    if (!message.includes('is stored; its outcome is unknown')) this.#scene.violate(`${id} is told to be ${message}`);
    if (isClosing) return;
    if (clock.now() < at + waitMs) this.#scene.violate(`${id} was given up before its time: ${message}`);
    if (this.#mustHaveBeenAnswered(id))
      this.#scene.violate(`${id} was handled and acknowledged, and its answer is lost`);
  }

  /**
   * Answers outlive every connection and every broker. Only with the process that handled the message may they be lost,
   * and with the reply queue.
   */
  #mustHaveBeenAnswered(id: string): boolean {
    const { clock, plan } = this.#scene;
    if (plan.faults.some(({ kind }) => kind === 'reply queue deleted')) return false;
    const handlings = this.#handlings.get(id) ?? [];
    const last = handlings.at(-1);
    if (last === undefined || !handlings.every(({ process }) => process.isAlive)) return false;
    const held = [workQueue, waitingQueue].filter((name) => this.#broker.queues().includes(name));
    const isAcknowledged = held.every((name) =>
      this.#broker.messages(name).every(({ properties }) => properties.messageId !== id),
    );
    return isAcknowledged && clock.now() > Math.max(last.at, this.#calmAt) + answeredWithinMs;
  }
}

/** Those of handlers say which message they are about. */
function isErrorOf(id: string, error: unknown): boolean {
  return error instanceof Error && error.message.endsWith(`: ${id}`);
}
