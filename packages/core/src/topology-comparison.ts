import { asError, TopologyMismatchError } from './errors.ts';
import { errorFields, type Logger } from './logger.ts';
import { type ManagementApi, ManagementError } from './management.ts';
import type { Entity } from './topology-entity.ts';

/**
 * What the management API adds to the keeping of topology. Publishing and consuming never depend on it: where it fails,
 * nothing is compared until the next check, and the log says so once, not at each check.
 */
export class TopologyComparison {
  readonly #api: ManagementApi;
  readonly #log: Logger;
  #isFailing = false;
  #hasFailedLately = false;
  /** It did not answer at all: nobody waits for it again before the next check. */
  #isSilent = false;
  #isAskingReplication = false;
  #isReplicationFailing = false;

  constructor(api: ManagementApi, log: Logger) {
    this.#api = api;
    this.#log = log;
  }

  /** A check begins: whatever failed before is tried again in it. */
  onCheck(): void {
    if (this.#isFailing && !this.#hasFailedLately) {
      this.#isFailing = false;
      this.#log.info({}, 'the management API answers again: topology is compared');
    }
    this.#hasFailedLately = false;
    this.#isSilent = false;
  }

  /**
   * False when it could not be compared.
   *
   * @throws {TopologyMismatchError} when it is there with other arguments
   */
  async compare(entity: Entity): Promise<boolean> {
    if (this.#isSilent) return false;
    try {
      await this.#api.compare(entity);
      return true;
    } catch (thrown) {
      if (thrown instanceof TopologyMismatchError) throw thrown;
      this.#isSilent = !(thrown instanceof ManagementError && thrown.isAnswer);
      this.#hasFailedLately = true;
      if (!this.#isFailing) {
        const fields = { entity: entity.label, ...errorFields(asError(thrown)) };
        this.#log.warn(fields, 'topology cannot be compared through the management API; each check tries again');
      }
      this.#isFailing = true;
      return false;
    }
  }

  /** Marks quorum queues with too few members, unless it is still at it. Never rejects. */
  async noteReplication(entities: readonly Entity[]): Promise<void> {
    if (this.#isAskingReplication) return;
    this.#isAskingReplication = true;
    try {
      await this.#api.noteReplication(entities);
      this.#isReplicationFailing = false;
    } catch (thrown) {
      if (!this.#isReplicationFailing) {
        const text = 'the management API could not be asked about replication; each check tries again';
        this.#log.warn(errorFields(asError(thrown)), text);
      }
      this.#isReplicationFailing = true;
    } finally {
      this.#isAskingReplication = false;
    }
  }
}
