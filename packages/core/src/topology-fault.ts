import { DriverError } from './driver.ts';
import { asError, isSurehopError, SurehopError, TopologyMismatchError } from './errors.ts';

/** What a failed declaration or check means. `undefined`: it may succeed later, unchanged. */
export function topologyFault(thrown: unknown, label: string): SurehopError | undefined {
  const cause = asError(thrown);
  if (isSurehopError(cause)) return cause.retryable ? undefined : cause;
  if (!(cause instanceof DriverError)) return undefined;
  if (cause.replyCode === 406) return new TopologyMismatchError(label, difference(cause.message), { cause });
  if (cause.replyCode === 404) return new TopologyMismatchError(label, {}, { cause });
  if (cause.replyCode === 403) {
    return new SurehopError(
      'SUREHOP_ACCESS_REFUSED',
      `${label}: this user may not declare or check it; nothing was changed. docs/topology.md lists the permissions`,
      { retryable: false, cause },
    );
  }
  return undefined;
}

/** Reads the broker's "inequivalent arg 'x-message-ttl' for queue …: received the value '1' of type … but current is none". */
function difference(text: string): { argument?: string; wanted?: string; found?: string } {
  const match = /inequivalent arg '([^']+)'.*received (.+?) but current is (.+?)"?$/.exec(text);
  if (match === null) return { argument: 'arguments', wanted: text };
  const [, argument = '', wanted = '', found = ''] = match;
  return { argument, wanted: quotedValue(wanted), found: quotedValue(found) };
}

function quotedValue(text: string): string {
  return /'([^']*)'/.exec(text)?.[1] ?? text;
}
