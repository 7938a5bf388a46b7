import { confirm, isCancel } from '@clack/prompts';
import { CancelledError } from './cancellation.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { canAsk } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/**
 * Asks before something is changed. Resolves when the answer is yes, or `--yes` gave it.
 *
 * @param question states what will happen, to how many, where
 * @throws {UsageError} there is nobody to ask
 * @throws {CancelledError} the answer was no, or Ctrl-C
 */
export async function confirmed(
  context: Context,
  question: string,
  { yes }: { readonly yes?: boolean },
): Promise<void> {
  if (yes === true) return;
  const message = context.secrets.redacted(question);
  if (!canAsk(context)) {
    throw new UsageError(
      `${message} This needs a confirmation, and there is no terminal to ask at: add --yes to do it.`,
    );
  }
  const answer = await confirm({
    message,
    initialValue: false,
    input: context.stdin,
    output: context.stderr,
    signal: context.signal,
  });
  if (isCancel(answer) || !answer) throw new CancelledError('nothing was done', exitCodes.cancelled);
}
