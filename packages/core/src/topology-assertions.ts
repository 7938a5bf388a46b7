import { checkNeeds } from './broker-needs.ts';
import { delayParking } from './delay-network.ts';
import { type DriverChannel, DriverError } from './driver.ts';
import type { Clock } from './effects.ts';
import { TopologyMismatchError } from './errors.ts';
import type { Link } from './link.ts';
import { errorFields, type Logger } from './logger.ts';
import type { TopologyMode } from './options.ts';
import type { TopologyChannels } from './topology-channels.ts';
import type { TopologyComparison } from './topology-comparison.ts';
import { check, declare, type Entity } from './topology-entity.ts';
import { topologyFault } from './topology-fault.ts';

export interface TopologyAssertionsOptions {
  readonly mode: TopologyMode;
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rpcTimeoutMs: number;
  readonly channels: TopologyChannels;
  readonly comparison: TopologyComparison | undefined;
  /** An entity that was missing was made anew, without what hung on it. */
  readonly onCreatedAnew: (entity: Entity) => void;
  /** What a binding hangs on was deleted since it was asserted. */
  readonly onEndMissing: (binding: Entity) => void;
}

/** After a repair, what died meanwhile still arrives for so long: the broker's own retry interval for dead letters. */
const repairedForMs = 180_000;

/** A queue that does not answer is given its request's deadline times up to 2^5: each that is given up leaves a channel. */
const mostDoublings = 5;

/** Puts single entities to the broker, each once at a time: who wants one that is on its way waits for its answer. */
export class TopologyAssertions {
  readonly #options: TopologyAssertionsOptions;
  readonly #running = new Map<Entity, Promise<void>>();
  #mayConfigure = true;

  constructor(options: TopologyAssertionsOptions) {
    this.#options = options;
  }

  /** Whether it was asserted in this generation of the link, and nothing spoke against it since. */
  stands(entity: Entity): boolean {
    return entity.answeredDoubts === entity.doubts && entity.assertedIn === this.#options.link.state.generation;
  }

  /** Resolves once the broker has agreed to what was wanted when the assertion began. */
  assert(entity: Entity): Promise<void> {
    const running = this.#running.get(entity) ?? this.#assert(entity).finally(() => this.#running.delete(entity));
    this.#running.set(entity, running);
    return running;
  }

  async #assert(entity: Entity): Promise<void> {
    const { mode, link, log } = this.#options;
    const { generation } = link.state;
    const { doubts, ready } = entity;
    try {
      if (link.session !== undefined) checkNeeds(entity, link.session.serverVersion);
      if (mode === 'verify') await this.#verify(entity);
      else await this.#declare(entity);
      entity.assertedIn = generation;
      entity.answeredDoubts = doubts;
      this.#tellLaidAside(entity, ready);
    } catch (thrown) {
      if (mode === 'declare' && entity.what.kind === 'binding' && isNotFound(thrown)) {
        this.#options.onEndMissing(entity);
        throw thrown;
      }
      const fault = topologyFault(thrown, entity.label);
      if (fault === undefined) throw thrown;
      if (fault instanceof TopologyMismatchError && entity.state !== 'mismatch') {
        log.error({ entity: entity.label, ...errorFields(fault) }, 'topology is not as declared');
      }
      if (fault instanceof TopologyMismatchError) entity.state = 'mismatch';
      throw fault;
    }
  }

  /** Whoever uses the delay network says so when there are more of them than there were. */
  #tellLaidAside({ what, ready = 0 }: Entity, before = 0): void {
    if (what.kind !== 'queue' || what.declaration.name !== delayParking || ready <= before) return;
    this.#options.log.error(
      { queue: delayParking, messages: ready },
      'delayed messages found neither queue nor exchange at the end of their delay, and were laid aside',
    );
  }

  async #declare(entity: Entity): Promise<void> {
    const known = entity.assertedIn !== 0 && entity.what.kind !== 'binding';
    if (known && entity.what.kind !== 'existing queue' && !(await this.#exists(entity))) {
      await this.#rpc(entity, declare);
      entity.anewAt = this.#options.clock.now();
      entity.state = 'created anew';
      this.#options.onCreatedAnew(entity);
      this.#options.log.warn(
        { entity: entity.label },
        'an entity was missing and was created anew; what was dead-lettered to it meanwhile may arrive up to 180 s late',
      );
      return;
    }
    await this.#rpc(entity, declare);
    if (!this.#repairedLately(entity))
      entity.state = entity.what.kind === 'existing queue' ? 'exists, not compared' : 'declared';
  }

  #repairedLately({ anewAt }: Entity): boolean {
    return anewAt !== undefined && this.#options.clock.now() - anewAt < repairedForMs;
  }

  async #exists(entity: Entity): Promise<boolean> {
    try {
      await this.#rpc(entity, check);
      return true;
    } catch (thrown) {
      if (isNotFound(thrown)) return false;
      throw thrown;
    }
  }

  async #verify(entity: Entity): Promise<void> {
    const { comparison } = this.#options;
    await this.#rpc(entity, check);
    const compare = async (): Promise<boolean> => (await comparison?.compare(entity)) ?? this.#byDeclaring(entity);
    const isCompared = entity.what.kind !== 'existing queue' && (await compare());
    entity.state = isCompared ? 'compared' : 'exists, not compared';
  }

  /** Declaring what exists compares it, for a user who may configure it. */
  async #byDeclaring(entity: Entity): Promise<boolean> {
    if (!this.#mayConfigure || entity.what.kind === 'binding') return false;
    try {
      await this.#rpc(entity, declare);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof DriverError) || thrown.replyCode !== 403) throw thrown;
      this.#mayConfigure = false;
      return false;
    }
  }

  async #rpc(
    entity: Entity,
    call: (channel: DriverChannel, entity: Entity, deadline: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { channels, clock, rpcTimeoutMs } = this.#options;
    await channels.use(async (channel) => {
      const deadline = clock.deadline(rpcTimeoutMs * 2 ** Math.min(entity.unanswered, mostDoublings));
      try {
        await call(channel, entity, deadline);
        entity.unanswered = 0;
      } catch (thrown) {
        entity.unanswered = deadline.aborted ? entity.unanswered + 1 : 0;
        throw thrown;
      }
    });
  }
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof DriverError && thrown.replyCode === 404;
}
