import type { Link } from '@surehop/core/internal';

export interface Trouble {
  /** A clause for the text of an error; empty when there is none. */
  readonly text: string;
  readonly cause: Error | undefined;
}

/** Why nothing moves on a link, as far as it is known. */
export class LinkTrouble {
  readonly #link: Link;
  readonly #unsubscribe: () => void;
  /** A link that dials no longer says why it had to. */
  #cause: Error | undefined;

  constructor(link: Link) {
    this.#link = link;
    this.#note();
    this.#unsubscribe = link.onStateChange(() => this.#note());
  }

  now(): Trouble {
    const { state, session } = this.#link;
    if (state.phase === 'closed') return { text: 'the connection is closed', cause: undefined };
    if (session === undefined) {
      const why = this.#cause === undefined ? '' : ` (${this.#cause.message})`;
      return { text: `the connection is down${why}`, cause: this.#cause };
    }
    if (session.blocked === true) {
      return { text: 'the broker blocks publishing, for want of memory or disk space', cause: undefined };
    }
    return { text: '', cause: undefined };
  }

  close(): void {
    this.#unsubscribe();
  }

  #note(): void {
    const { state } = this.#link;
    if (state.phase === 'waiting') this.#cause = state.cause;
    else if (state.phase === 'open') this.#cause = undefined;
  }
}
