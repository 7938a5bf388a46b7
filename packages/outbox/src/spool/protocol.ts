import type { Damage } from './damage.ts';

/** One message as the file has it. The order is that of {@link Batch.contents}. */
export interface MessageRow {
  /** The order of acceptance. Never used twice. */
  readonly seq: number;
  readonly id: string;
  /** Undefined for a message that was published without one. */
  readonly contract: string | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: string;
  readonly headers: string | undefined;
  /** By the spool's own time, in milliseconds. */
  readonly acceptedAt: number;
  /** How often the broker has refused it. */
  readonly attempts: number;
}

/** Rows and their contents: packed, since a copy between threads costs by the piece. */
export interface Packed {
  readonly rows: readonly MessageRow[];
  /** How many bytes of `contents` belong to each row. */
  readonly lengths: readonly number[];
  /** One after the other. */
  readonly contents: Uint8Array<ArrayBuffer>;
}

/** Why a message was set aside: the broker refused it too often, it waited too long, its bytes are not what was stored. */
export type SetAsideReason = 'refused' | 'expired' | 'damaged';

/** To be tried again no sooner than `dueAt`, by the spool's own time. */
export interface Deferral {
  readonly seq: number;
  readonly attempts: number;
  readonly dueAt: number;
}

export interface Fault {
  readonly code: string;
  readonly error: string;
}

/** What is written at once, or not at all. Applied in the order of the members. */
export interface Batch {
  /** Key and definition, for those that are new or have changed. */
  readonly contracts: readonly (readonly [key: string, definition: string])[];
  /** The broker has them. */
  readonly sent: readonly number[];
  readonly messages: Packed;
  readonly deferred: readonly Deferral[];
  readonly refused: readonly (Fault & { readonly seq: number; readonly attempts: number })[];
  /** By the spool's own time. */
  readonly now: number;
}

/** What is in the file now. */
export interface Standing {
  readonly unsent: number;
  readonly unsentBytes: number;
  /** Of the unsent. */
  readonly deferred: number;
  readonly setAside: number;
  readonly setAsideBytes: number;
  readonly oldestAcceptedAt: number | undefined;
  /** Of the deferred, the earliest. */
  readonly nextDueAt: number | undefined;
}

/** A refusal of SQLite or of the file system, as far as it can be passed between threads. */
export interface FileFault {
  /** `open`: it cannot be used at all. `locked`: somebody else has it. `write`: this time it could not be written or read. */
  readonly kind: 'open' | 'locked' | 'write';
  readonly message: string;
  readonly stack?: string | undefined;
}

export interface Committed {
  /** Index of a message that was not stored, since the file has its id already, and whether for the same message. */
  readonly taken: readonly { readonly index: number; readonly isSame: boolean }[];
  /** The messages were not stored; the rest of the batch may be. */
  readonly messagesFault: FileFault | undefined;
}

export interface SetAsideRow extends MessageRow, Fault {
  readonly reason: SetAsideReason;
  readonly setAsideAt: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

export interface Chunk extends Packed {
  /** No more can be had behind these. */
  readonly isEnd: boolean;
  /** Of those that were set aside since their bytes are not those that were stored. */
  readonly damaged: readonly { readonly id: string; readonly bytes: number }[];
  /** The highest number that was looked at. */
  readonly lastSeq: number;
}

export interface Opened {
  readonly contracts: readonly (readonly [key: string, definition: string])[];
  /** The highest that was used. */
  readonly lastSeq: number;
  readonly lastAcceptedAt: number;
}

/** What the thread can be asked, and what it answers. */
export interface Requests {
  open: { readonly ask: { readonly file: string; readonly epochMs: number }; readonly answer: Opened };
  commit: { readonly ask: Batch; readonly answer: Committed };
  /** Those from `from` to `to` that are not deferred, in order, until one of the limits is met; one at least. */
  read: {
    readonly ask: { readonly from: number; readonly to: number; readonly limit: number; readonly maxBytes: number };
    readonly answer: Chunk;
  };
  /** Those that are due, the longest due first. */
  due: {
    readonly ask: { readonly now: number; readonly limit: number; readonly maxBytes: number };
    readonly answer: Chunk;
  };
  /** Sets aside what was accepted before, the oldest first, but for `except`. */
  expire: {
    readonly ask: {
      readonly before: number;
      readonly except: readonly number[];
      readonly limit: number;
      readonly now: number;
    };
    readonly answer: { readonly ids: readonly string[]; readonly bytes: number };
  };
  list: {
    readonly ask: { readonly after: number; readonly limit: number };
    readonly answer: readonly SetAsideRow[];
  };
  /** Puts what was set aside at the end of the line again, under new numbers. */
  retry: {
    readonly ask: { readonly seqs: readonly number[]; readonly firstSeq: number; readonly now: number };
    readonly answer: { readonly count: number; readonly bytes: number };
  };
  discard: { readonly ask: { readonly seqs: readonly number[] }; readonly answer: { readonly count: number } };
  close: { readonly ask: Record<string, never>; readonly answer: Record<string, never> };
}

export type Kind = keyof Requests;

export type Request = {
  [K in Kind]: { readonly number: number; readonly kind: K; readonly ask: Requests[K]['ask'] };
}[Kind];

export interface Answer {
  readonly number: number;
  readonly result: { readonly ok: true; readonly answer: unknown } | { readonly ok: false; readonly fault: FileFault };
  /** Undefined before the file is open. */
  readonly standing: Standing | undefined;
  /** Found since the last answer. */
  readonly damage: readonly Damage[];
}
