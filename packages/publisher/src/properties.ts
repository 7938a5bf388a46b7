import type { MessageProperties } from '@surehop/core';
import type { Effects } from '@surehop/core/internal';

/** What every message has: an id, a time, persistence, and its content type where there is one. */
export function completed(
  given: MessageProperties | undefined,
  givenId: string | undefined,
  contentType: string | undefined,
  { clock, newId }: Effects,
): MessageProperties {
  const own = {
    messageId: givenId ?? newId(),
    timestamp: given?.timestamp ?? Math.floor(clock.epochMs() / 1_000),
    deliveryMode: given?.deliveryMode ?? 2,
  };
  const typed = contentType === undefined ? own : { ...own, contentType };
  return given === undefined ? typed : { ...given, ...typed };
}
