import { SurehopError } from '@surehop/core';
import { DriverError } from '@surehop/core/internal';

/** What to throw where the broker has refused something about this queue; anything else as it was thrown. */
export function queueRefusal(queue: string, thrown: unknown): unknown {
  if (!(thrown instanceof DriverError)) return thrown;
  const named = `queue ${JSON.stringify(queue)}`;
  if (thrown.replyCode === 404) {
    const what = `there is no ${named} in this virtual host`;
    return new SurehopError('SUREHOP_QUEUE_NOT_FOUND', what, { retryable: false, cause: thrown });
  }
  if (thrown.replyCode !== 403) return thrown;
  const what = `the broker does not let this user read ${named}, or somebody has it for himself`;
  return new SurehopError('SUREHOP_ACCESS_REFUSED', what, { retryable: false, cause: thrown });
}
