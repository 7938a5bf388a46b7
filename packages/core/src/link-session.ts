import type { ChannelListeners, DriverChannel, DriverError, DriverLink } from './driver.ts';
import type { LinkRole } from './link-state.ts';
import type { Logger } from './logger.ts';

export interface LinkSessionOptions {
  readonly link: DriverLink;
  readonly host: string;
  readonly role: LinkRole;
  /** Undefined with SASL EXTERNAL: the broker takes it from the certificate. */
  readonly username: string | undefined;
  readonly generation: number;
  /** How many other hosts the link may go to. */
  readonly otherHosts: number;
  readonly log: Logger;
  readonly onStalled: (stalledMs: number) => void;
  readonly onLost: (cause: Error) => void;
}

/** One generation of a link. Nothing of it is used in another. */
export class LinkSession {
  readonly generation: number;
  readonly host: string;
  readonly username: string | undefined;
  readonly #options: LinkSessionOptions;
  readonly #flowListeners = new Set<() => void>();
  readonly #lost = new AbortController();
  #blocked: boolean | 'unknown';

  constructor(options: LinkSessionOptions) {
    this.#options = options;
    this.generation = options.generation;
    this.host = options.host;
    this.username = options.username;
    // A link that never publishes is never blocked.
    this.#blocked = options.role === 'publish' ? 'unknown' : false;
  }

  get isOpen(): boolean {
    return !this.#lost.signal.aborted;
  }

  /** Aborts when this session ends, with the cause. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get blocked(): boolean | 'unknown' {
    return this.#blocked;
  }

  get otherHosts(): number {
    return this.#options.otherHosts;
  }

  get serverVersion(): string {
    return this.#options.link.serverVersion;
  }

  get frameMax(): number {
    return this.#options.link.frameMax;
  }

  /** Attaches to the driver's link; called once the link's state says open. */
  start(): void {
    const { link, log, role, host } = this.#options;
    link.onBlocked((reason) => {
      this.#blocked = true;
      log.warn({ link: role, host, reason }, 'the broker blocks publishing');
      this.#tellFlow();
    });
    link.onUnblocked(() => {
      this.#blocked = false;
      log.warn({ link: role, host }, 'the broker takes publishes again');
      this.#tellFlow();
    });
    link.onClosed((cause) => {
      const reason = cause ?? new Error('closed');
      this.#lost.abort(reason);
      this.#tellFlow();
      this.#options.onLost(reason);
    });
  }

  openChannel(listeners: ChannelListeners, signal: AbortSignal): Promise<DriverChannel> {
    return this.#options.link.openChannel(listeners, signal);
  }

  /** Calls back when publishing may have become possible or impossible: blocked, unblocked, lost. */
  onFlow(listener: () => void): () => void {
    this.#flowListeners.add(listener);
    return () => this.#flowListeners.delete(listener);
  }

  /** Resolves when the broker does not block, this session has ended, or the signal aborts. */
  whenUnblocked(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.#blocked === true && this.isOpen && !signal.aborted) return;
        unsubscribe();
        signal.removeEventListener('abort', check);
        resolve();
      };
      const unsubscribe = this.onFlow(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /** A confirm proves that the broker takes publishes: what was unknown is known. */
  noteConfirm(): void {
    if (this.#blocked === 'unknown') this.#blocked = false;
  }

  /** Reports that nothing is confirmed on this link, though something is due. */
  stalled(stalledMs: number): void {
    this.#options.onStalled(stalledMs);
  }

  updateSecret(secret: string, signal: AbortSignal): Promise<void> {
    return this.#options.link.updateSecret(secret, signal);
  }

  close(signal: AbortSignal): Promise<void> {
    return this.#options.link.close(signal);
  }

  destroy(cause?: Error): void {
    this.#options.link.destroy(cause as DriverError | undefined);
  }

  #tellFlow(): void {
    for (const listener of [...this.#flowListeners]) listener();
  }
}
