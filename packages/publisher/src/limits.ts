import type { LinkSession, OutgoingLimits, RabbitInternals } from '@surehop/core/internal';

/** Of all headers together, in bytes. */
const maxHeaderBytes = 60_000;
/** What a header frame must have room for beside the headers, in bytes. */
const frameReserveBytes = 1_024;

/** What a message must fit into. */
export class Limits {
  readonly #internals: Pick<RabbitInternals, 'publishLink'>;
  readonly #maxMessageBytes: number;
  #session: LinkSession | undefined;
  /** Of the last session: while there is none, a message is checked against it. */
  #last: OutgoingLimits;

  constructor(internals: Pick<RabbitInternals, 'publishLink'>, maxMessageBytes: number) {
    this.#internals = internals;
    this.#maxMessageBytes = maxMessageBytes;
    this.#last = this.#of(Number.POSITIVE_INFINITY, undefined);
  }

  /** Of the connection at hand, or of the last one. */
  now(): OutgoingLimits {
    const { session } = this.#internals.publishLink;
    if (session === undefined || session === this.#session) return this.#last;
    this.#session = session;
    this.#last = this.#of(session.frameMax || Number.POSITIVE_INFINITY, session.username); // 0 is no limit
    return this.#last;
  }

  #of(frameMax: number, username: string | undefined): OutgoingLimits {
    const headerBytes = Math.min(maxHeaderBytes, frameMax - frameReserveBytes);
    return { maxMessageBytes: this.#maxMessageBytes, maxHeaderBytes: headerBytes, username };
  }
}
