import type { QueueContract, Rabbit } from '@surehop/core';
import {
  boolean,
  deadLetterName,
  internalsOf,
  invalid,
  kindOf,
  knownKeys,
  nonEmptyString,
} from '@surehop/core/internal';
import type { ActionReport } from './act-options.ts';
import type { AuditLog } from './audit.ts';
import { type BrowseOptions, type ResolvedBrowsing, resolveBrowsing } from './browsing-options.ts';
import type { DeadMessage } from './dead-message.ts';
import type { Desk } from './desk.ts';
import { type DiscardOptions, discard } from './discard.ts';
import { type ExportOptions, type ExportReport, exportTo } from './export.ts';
import { type Group, Grouping } from './groups.ts';
import { type Looked, look, type Visit } from './looking.ts';
import { lookThrough } from './looking-through.ts';
import { type MoveOptions, move } from './move.ts';
import { queueRefusal } from './queue-refusal.ts';
import { replay } from './replay.ts';
import type { ReplayOptions, ReplayReport } from './replay-options.ts';
import type { Selection } from './selection.ts';
import { ask } from './way-back.ts';

export interface DeadLettersOptions {
  /** Who acts: goes into the audit log, and into the header `surehop-replayed-by`. */
  readonly by: string;
  /** Takes the lines of what is changed. Reading writes none, but for reading with `all`. */
  readonly audit: AuditLog;
  /**
   * Looks also where it may use up deliveries: before RabbitMQ 4.3, at queues that are not Surehop's own and may have a low
   * delivery limit. Each look at a message then is one delivery of it.
   * @default false: such a queue is refused with SUREHOP_LOOKING_COUNTS
   */
  readonly acceptsDeliveryCount?: boolean;
}

export interface Browsed {
  /** In the queue's order. */
  readonly messages: readonly DeadMessage[];
  readonly looked: number;
  /** More lie behind what was looked at; with `all`, more were selected than are kept. */
  readonly more: boolean;
}

export interface Grouped {
  /** The largest first. */
  readonly groups: readonly Group[];
  readonly looked: number;
  /** More lie behind what was looked at. */
  readonly more: boolean;
}

/**
 * One queue of dead letters. Reading holds messages for a moment, in which other readers do not see them, and changes
 * nothing, unless it is asked for `all`.
 */
export interface DeadLetters {
  readonly queue: string;
  /**
   * How many messages are ready in the queue now; those not counted that somebody holds.
   *
   * @throws {SurehopError} SUREHOP_QUEUE_NOT_FOUND, SUREHOP_ACCESS_REFUSED, SUREHOP_CONNECTION_CLOSED, SUREHOP_CLOSED
   */
  count(): Promise<number>;
  /**
   * The selected messages among the first `limit`. All that were looked at are back in their places when it resolves or
   * rejects; also when this process dies. With `all` among the whole queue, whose messages go round once for it.
   *
   * @throws {SurehopError} SUREHOP_OPTION_INVALID and SUREHOP_FILTER_INVALID before anything is done; SUREHOP_QUEUE_NOT_FOUND,
   *   SUREHOP_ACCESS_REFUSED, SUREHOP_LOOKING_COUNTS, SUREHOP_CLOSED; SUREHOP_CONNECTION_CLOSED when the broker was lost
   *   five times in a row
   */
  browse(options?: BrowseOptions): Promise<Browsed>;
  /** The same messages, counted by what they died of. Keeps none of them in memory. Throws what `browse` throws. */
  groups(options?: BrowseOptions): Promise<Grouped>;
  /**
   * Sends dead letters to the queues where they failed, or to another, to be handled once more, in their order. Each is
   * acknowledged here once its copy is stored there: it is lost at no moment, and there twice, under the same id, where the
   * process or the broker died between the two. A message without an id gets one.
   *
   * @throws {SurehopError} SUREHOP_OPTION_INVALID and SUREHOP_FILTER_INVALID before anything is done; SUREHOP_QUEUE_NOT_FOUND
   *   (of this queue, or of `to`), SUREHOP_ACCESS_REFUSED, SUREHOP_LOOKING_COUNTS, SUREHOP_AUDIT_FAILED, SUREHOP_CLOSED: what
   *   was done until then stays done
   */
  replay(selection: Selection, options?: ReplayOptions): Promise<ReplayReport>;
  /** Takes dead letters away for good; such as come while it runs are not touched. Throws what `replay` throws. */
  discard(selection: Selection, options?: DiscardOptions): Promise<ActionReport>;
  /**
   * Puts dead letters into another queue, which must exist, as they are and in their order; as safely as `replay`. What the
   * broker's own headers said of a death is written down in Surehop's. Throws what `replay` throws.
   */
  move(selection: Selection, to: string, options?: MoveOptions): Promise<ActionReport>;
  /**
   * Writes dead letters to a file, in their order, one line of JSON each, and leaves them in the queue. Resolves once the file
   * is on disk. Where the broker was lost meanwhile, with `all` or beyond 64 MiB, or the run is a resumed one, a message may be
   * in it twice.
   *
   * @throws {SurehopError} what `replay` throws, and SUREHOP_FILE_UNUSABLE; the file may be unfinished then
   */
  export(selection: Selection, options: ExportOptions): Promise<ExportReport>;
}

/**
 * Opens a queue of dead letters. Asks the broker for nothing.
 *
 * @param queue the queue itself, or a contract, which means its `<name>.dead-letter`
 * @throws {SurehopError} SUREHOP_OPTION_INVALID
 */
export function openDeadLetters(
  rabbit: Rabbit,
  queue: string | QueueContract,
  options: DeadLettersOptions,
): DeadLetters {
  const internals = internalsOf(rabbit);
  knownKeys('openDeadLetters()', options, ['by', 'audit', 'acceptsDeliveryCount']);
  const { by, audit, acceptsDeliveryCount = false } = options;
  nonEmptyString('by', by);
  if (typeof (audit as Partial<AuditLog> | undefined)?.write !== 'function') {
    invalid(`audit must have a function write, got ${kindOf(audit)}`);
  }
  boolean('acceptsDeliveryCount', acceptsDeliveryCount);
  const name = nameOf(queue);
  return new QueueDesk({
    internals,
    queue: name,
    by,
    audit,
    isContracts: typeof queue !== 'string',
    acceptsDeliveryCount,
  });
}

function nameOf(queue: string | QueueContract): string {
  if (typeof queue === 'string' || typeof queue !== 'object' || queue === null) {
    nonEmptyString('queue', queue);
    return queue;
  }
  if (queue.kind !== 'queue') invalid('queue must be a name or what defineQueue returned');
  return deadLetterName(queue.name);
}

class QueueDesk implements DeadLetters {
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  get queue(): string {
    return this.#desk.queue;
  }

  async count(): Promise<number> {
    const { internals, queue } = this.#desk;
    const never = new AbortController().signal;
    return ask(internals, never, async (channel, deadline) => {
      try {
        return await channel.checkQueue(queue, deadline);
      } catch (thrown) {
        throw queueRefusal(queue, thrown);
      }
    });
  }

  async browse(options: BrowseOptions = {}): Promise<Browsed> {
    const browsing = resolveBrowsing('browse()', this.#desk, options);
    let isFull = false;
    const found = await this.#look('browse', browsing, () => {
      const messages: DeadMessage[] = [];
      const add = (message: DeadMessage): void => {
        if (messages.length < browsing.limit) messages.push(message);
        else isFull = true;
      };
      return { result: messages, add };
    });
    return { messages: found.result, looked: found.looked, more: found.more || isFull };
  }

  async groups(options: BrowseOptions = {}): Promise<Grouped> {
    const browsing = resolveBrowsing('groups()', this.#desk, options);
    const { result, looked, more } = await this.#look('groups', browsing, () => {
      const grouping = new Grouping();
      return { result: grouping, add: (message) => grouping.add(message) };
    });
    return { groups: result.groups(), looked, more };
  }

  #look<T>(
    action: 'browse' | 'groups',
    { matches, all, selection, resume, ...looking }: ResolvedBrowsing,
    collect: () => { readonly result: T; readonly add: (message: DeadMessage) => void },
  ): Promise<Looked<T>> {
    const begin = (): { result: T; visit: Visit } => {
      const { result, add } = collect();
      const visit = (message: DeadMessage): boolean => {
        const isSelected = matches(message);
        if (isSelected) add(message);
        return isSelected;
      };
      return { result, visit };
    };
    if (!all) return look(this.#desk, looking, begin);
    const { signal, onProgress } = looking;
    return lookThrough(this.#desk, { action, selection, signal, onProgress, resume }, matches, begin());
  }

  replay(selection: Selection, options?: ReplayOptions): Promise<ReplayReport> {
    return replay(this.#desk, selection, options);
  }

  discard(selection: Selection, options?: DiscardOptions): Promise<ActionReport> {
    return discard(this.#desk, selection, options);
  }

  move(selection: Selection, to: string, options?: MoveOptions): Promise<ActionReport> {
    return move(this.#desk, selection, to, options);
  }

  export(selection: Selection, options: ExportOptions): Promise<ExportReport> {
    return exportTo(this.#desk, selection, options);
  }
}
