import type { QueueKind } from './cell.ts';

/** What a library is to set up before it is measured. */
export interface Setup {
  readonly url: string;
  /** All of them durable, declared by the library itself. */
  readonly queues: readonly string[];
  readonly queueType: QueueKind;
  /** Of its consumers. Some libraries must know it when they connect. */
  readonly prefetch: number;
  /** Publishes that will be on their way at once. Some libraries must know it when they connect. */
  readonly inFlight: number;
  /** A handler that throws has its message back after each of these, in milliseconds. Only for libraries that retry. */
  readonly retryDelaysMs?: readonly number[];
  /** What the library may keep in memory, in bytes of bodies, while the broker is away. Most have no such bound. */
  readonly memoryBound?: number;
}

/** A library in its documented reliable use. One interface for all, so that the same code drives each of them. */
export interface Client {
  /**
   * Persistent. Resolves at the broker's confirm, rejects when there will be none. The library's own promise wherever it
   * gives one: another around it would be paid for by some libraries only.
   */
  publish(queue: string, body: Buffer): Promise<unknown>;
  /** Acknowledges each message after its handler has resolved. Resolves when the subscription stands. */
  consume(queue: string, handler: Handler): Promise<void>;
  /** In order: what was handled is acknowledged. */
  close(): Promise<void>;
}

/** A body is only there until the handler has returned. */
export type Handler = (body: Uint8Array) => Promise<void>;

/** What a file in libraries/ exports as `open`: resolves when it is connected and everything is declared. */
export type Open = (setup: Setup) => Promise<Client>;
