import { SurehopError, TopologyMismatchError, type TopologyMode } from '@surehop/core';
import { DriverError, waitingName } from '@surehop/core/internal';

export interface SubscribingTo {
  readonly queue: string;
  /** Whether nobody can make the queue when it is missing. */
  readonly isForeign: boolean;
  readonly mode: TopologyMode;
}

/** Pure: what keeps a consumer from its queue and waiting will not mend; undefined when it may pass. */
export function subscribingFault(error: Error, { queue, isForeign, mode }: SubscribingTo): SurehopError | undefined {
  if (error instanceof SurehopError) return error.retryable ? undefined : error;
  if (!(error instanceof DriverError)) return undefined;
  const isWaiting = error.message.includes(`'${waitingName(queue)}'`);
  const name = isWaiting ? waitingName(queue) : queue;
  if (error.replyCode === 404 && ((isForeign && !isWaiting) || mode === 'off')) {
    return new TopologyMismatchError(`queue "${name}"`, {}, { cause: error });
  }
  if (error.replyCode === 406 && error.message.includes("'x-priority'")) {
    const advice = 'a stream is read with createStreamReader: see docs/streams.md';
    const difference = { argument: 'x-queue-type', wanted: 'classic or quorum', found: 'stream', advice };
    return new TopologyMismatchError(`queue "${queue}"`, difference, { cause: error });
  }
  if (error.replyCode !== 403 || error.message.includes('exclusive')) return undefined;
  const message = `queue "${name}": this user may not consume it. docs/topology.md lists the permissions`;
  return new SurehopError('SUREHOP_ACCESS_REFUSED', message, { retryable: false, cause: error });
}
