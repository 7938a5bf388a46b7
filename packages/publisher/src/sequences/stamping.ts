import {
  type HeaderTable,
  isSurehopError,
  type Logger,
  type SequenceStore,
  type SequenceTicket,
  SurehopError,
  type TakenNumber,
} from '@surehop/core';
import { errorFields, type OutgoingMessage, sequenceHeaders, stampOf } from '@surehop/core/internal';
import type { Answer, Contract } from '../pending.ts';

/** What a caller says of a message's place: `true` is the one sequence of the contract, a string one of several. */
export type SequenceOption = true | string;

/** A message whose headers are still to be completed. */
type Draft = Omit<OutgoingMessage, 'headers'> & { headers: OutgoingMessage['headers'] };

/** Room for the longest number and run, so that a message which is too large is refused before it has a number. */
const widest = { number: Number.MAX_SAFE_INTEGER, run: '-'.repeat(36) };

/** The headers of a message before it has its number. */
export function unnumbered(sequence: SequenceOption): HeaderTable {
  return stampOf({ key: keyOf(sequence), ...widest });
}

/** The same with its number. */
export function numberedHeaders(headers: HeaderTable | undefined, { run, number }: SequenceTicket): HeaderTable {
  return { ...headers, [sequenceHeaders.number]: number, [sequenceHeaders.run]: run };
}

/** What a store knows the sequence by. As a list in JSON: of parts that are joined, nobody could tell where one ends. */
export function sequenceName({ kind, name }: Contract, sequence: SequenceOption): string {
  return JSON.stringify([kind, name, keyOf(sequence)]);
}

/** One message on its way to a number, and what becomes of that. */
export interface Numbered {
  /** Undefined when the number is in the headers already. */
  readonly stamped: Promise<unknown> | undefined;
  /** Tells the store of a message that is not stored, and then the caller. */
  readonly answer: Answer;
}

/** What is under way with one message id: one call, or several of a caller who does not wait. */
interface Use {
  calls: number;
  /** One of them has the number from the store for the first time, or again after it was given back. */
  isNew: boolean;
  mayBeStored: boolean;
}

/** Writes numbers into messages, and gives back those that were not used. */
export class Stamping {
  readonly #store: SequenceStore;
  readonly #log: Logger;
  /** By sequence and message id. */
  readonly #uses = new Map<string, Use>();

  constructor(store: SequenceStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /**
   * @param message its headers are those of {@link unnumbered}
   * @param checked the schema's answer, where it is not there yet: what it refuses gets no number
   */
  number(
    message: Draft,
    contract: Contract,
    sequence: SequenceOption,
    checked: Promise<unknown> | undefined,
    answer: Answer,
  ): Numbered {
    const { messageId = '' } = message.properties;
    const name = sequenceName(contract, sequence);
    const id = `${messageId} ${name}`;
    const use = this.#enter(id);
    const take = (): void | Promise<void> => this.#take(message, name, messageId, use);
    const leave = (): void => this.#leave(id, messageId, use, () => this.#store.notStored(name, messageId));
    let taken: void | Promise<void>;
    try {
      taken = checked === undefined ? take() : checked.then(take);
    } catch (error) {
      leave();
      throw error;
    }
    const stamped = taken instanceof Promise ? taken : undefined;
    stamped?.catch(() => undefined);
    // Not before it has its number: the caller may give up earlier.
    const end = (mayBeStored: boolean): void => {
      use.mayBeStored ||= mayBeStored;
      if (stamped === undefined) leave();
      else stamped.then(leave, leave);
    };
    const resolve: Answer['resolve'] = (receipt) => {
      end(true);
      answer.resolve(receipt);
    };
    const reject = (error: unknown): void => {
      end(!isCertain(error, contract));
      answer.reject(error);
    };
    return { stamped, answer: { resolve, reject } };
  }

  #enter(id: string): Use {
    const use = this.#uses.get(id) ?? { calls: 0, isNew: false, mayBeStored: false };
    use.calls += 1;
    this.#uses.set(id, use);
    return use;
  }

  /** An id that had its number before may be in a queue with it, whatever became of it this time. */
  #leave(id: string, messageId: string, use: Use, giveBack: () => void | Promise<void>): void {
    use.calls -= 1;
    if (use.calls > 0) return;
    this.#uses.delete(id);
    if (!use.isNew || use.mayBeStored) return;
    const fail = (thrown: unknown): void => {
      this.#log.warn({ messageId, ...errorFields(thrown) }, 'a number of a sequence was not given back');
    };
    try {
      Promise.resolve(giveBack()).catch(fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  #take(message: Draft, name: string, messageId: string, use: Use): void | Promise<void> {
    const write = (ticket: TakenNumber): void => {
      use.isNew ||= ticket.isNew;
      message.headers = numberedHeaders(message.headers, ticket);
    };
    const fail = (cause: unknown): never => {
      const text = `message ${messageId} was not sent and is not stored: the store of sequences gave it no number`;
      throw new SurehopError('SUREHOP_STORE_UNAVAILABLE', text, { retryable: true, cause });
    };
    try {
      const ticket = this.#store.take(name, messageId);
      return ticket instanceof Promise ? ticket.then(write, fail) : write(ticket);
    } catch (cause) {
      return fail(cause);
    }
  }
}

/** Whether the message is in no queue. */
function isCertain(error: unknown, { kind }: Contract): boolean {
  if (isSurehopError(error, 'SUREHOP_PUBLISH_UNKNOWN')) return false;
  // Of several queues behind an exchange, others may have it.
  return kind === 'queue' || !isSurehopError(error, 'SUREHOP_REFUSED');
}

function keyOf(sequence: SequenceOption): string {
  return sequence === true ? '' : sequence;
}
