import {
  type HeaderTable,
  isSurehopError,
  type Logger,
  type SequenceStore,
  type SequenceTicket,
  SurehopError,
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

/** Writes numbers into messages, and gives back those that were not used. */
export class Stamping {
  readonly #store: SequenceStore;
  readonly #log: Logger;

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
    const taken =
      checked === undefined
        ? this.#take(message, name, messageId)
        : checked.then(() => this.#take(message, name, messageId));
    const stamped = taken instanceof Promise ? taken : undefined;
    stamped?.catch(() => undefined);
    const onRejected = (error: unknown): void => {
      if (isCertain(error, contract)) this.#giveBack(name, messageId, stamped);
      answer.reject(error);
    };
    return { stamped, answer: { resolve: answer.resolve, reject: onRejected } };
  }

  #take(message: Draft, name: string, messageId: string): void | Promise<void> {
    const write = (ticket: SequenceTicket): void => {
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

  /** After the number was given: the caller may have given up before. */
  #giveBack(name: string, messageId: string, stamped: Promise<unknown> | undefined): void {
    const give = (): void | Promise<void> => this.#store.notStored(name, messageId);
    const fail = (thrown: unknown): void => {
      this.#log.warn({ messageId, ...errorFields(thrown) }, 'a number of a sequence was not given back');
    };
    if (stamped !== undefined) {
      stamped.then(() => Promise.resolve(give()).catch(fail)).catch(() => undefined);
      return;
    }
    try {
      Promise.resolve(give()).catch(fail);
    } catch (thrown) {
      fail(thrown);
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
