import type { CloseOptions, Logger, PublisherHealth, Rabbit } from '@surehop/core';
import {
  errorFields,
  guardedLogger,
  internalsOf,
  type Link,
  type Member,
  type RabbitInternals,
} from '@surehop/core/internal';
import { createPublisher, type Publisher } from '@surehop/publisher';
import type { ContractShelf } from './contract-shelf.ts';
import { Sender } from './sender.ts';
import type { ResolvedSpoolOptions } from './spool-options.ts';

/** The way to the broker, once there is one: the connection may come later than the spool. */
export class SpoolLink {
  #internals: RabbitInternals | undefined;
  #publisher: (Publisher & Partial<Member<PublisherHealth>>) | undefined;
  #sender: Sender | undefined;
  #member: Member<PublisherHealth> | undefined;
  #unsubscribe: () => void = () => undefined;

  get sender(): Sender | undefined {
    return this.#sender;
  }

  get username(): string | undefined {
    return this.#internals?.publishLink.session?.username;
  }

  get log(): Logger | undefined {
    return this.#internals?.log;
  }

  get stalledMs(): number {
    return this.#publisher?.health().stalledMs ?? 0;
  }

  /** Whether the broker can be sent to now. */
  get isOpen(): boolean {
    const session = this.#internals?.publishLink.session;
    return session?.isOpen === true && session.blocked !== true;
  }

  /**
   * @param member closed, and asked for its health, with the connection
   * @param onChange the broker may be there, or not any more
   * @throws {SurehopError} SUREHOP_OPTION_INVALID, SUREHOP_CLOSED
   */
  attach(
    rabbit: Rabbit,
    { maxUnconfirmed, maxMessageBytes }: ResolvedSpoolOptions,
    contracts: ContractShelf,
    member: Member<PublisherHealth>,
    onChange: () => void,
  ): void {
    const internals = internalsOf(rabbit);
    const publisher = createPublisher(rabbit, { maxUnconfirmed, maxMessageBytes });
    // The connection knows the spool in its place: what the publisher gives up is in the file.
    internals.publishers.delete(publisher);
    internals.publishers.add(member);
    this.#internals = internals;
    this.#publisher = publisher;
    this.#member = member;
    this.#sender = new Sender(publisher, contracts);
    this.#unsubscribe = watch(internals.publishLink, onChange);
  }

  async close(options: CloseOptions): Promise<void> {
    this.#unsubscribe();
    await this.#publisher?.close(options);
    if (this.#member !== undefined) this.#internals?.publishers.delete(this.#member);
  }
}

/** Calls back when the link may have become able or unable to carry messages: opened, lost, blocked, unblocked; and now. */
function watch(link: Link, onChange: () => void): () => void {
  let leaveSession: () => void = () => undefined;
  const look = (): void => {
    leaveSession();
    leaveSession = link.session?.onFlow(onChange) ?? leaveSession;
    onChange();
  };
  const leaveLink = link.onStateChange(look);
  look();
  return () => {
    leaveSession();
    leaveLink();
  };
}

/** One log for all of a spool's life: its own, or the connection's once there is one. */
export function logOf(given: Logger | undefined, link: SpoolLink, otherwise: Logger): () => Logger {
  if (given !== undefined) {
    const guarded = guardedLogger(given);
    return () => guarded;
  }
  return () => link.log ?? otherwise;
}

/** Tells of a connection that never came: what is in the file is kept, and cannot be sent by this process. */
export function connectFailed(log: Logger, file: string, thrown: unknown): void {
  log.error({ file, ...errorFields(thrown) }, 'a spool has no connection');
}
