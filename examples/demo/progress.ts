import type { Counts } from './ledger.ts';

/** How far the run is. */
export interface Progress extends Counts {
  /** Events in the input. */
  readonly total: number;
  /** State of the publishing process's connection, and of the consumer process's. */
  readonly publisher: string;
  readonly consumer: string;
}

/** What a person sees while the demo runs. */
export interface View {
  /** One thing that happened. */
  say(text: string): void;
  /** Called several times a second. */
  show(progress: Progress): void;
  /** Nothing is shown after it. */
  close(): void;
}
