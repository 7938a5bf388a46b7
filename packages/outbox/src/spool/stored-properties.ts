import type { MessageProperties } from '@surehop/core';

/** What the file has in one text: the properties, and when a delayed message is to come. */
interface Stored extends MessageProperties {
  readonly deliverAt?: number;
}

/**
 * The moment stands among the properties: a file of an earlier release is read as it is. An earlier release takes it for a
 * property that it does not know, and sets the message aside instead of sending it too soon.
 *
 * @param deliverAt by the spool's own time; undefined for what comes at once
 */
export function propertiesText(properties: MessageProperties, deliverAt: number | undefined): string {
  return JSON.stringify(deliverAt === undefined ? properties : ({ ...properties, deliverAt } satisfies Stored));
}

export function propertiesIn(text: string): {
  readonly properties: MessageProperties;
  readonly deliverAt: number | undefined;
} {
  const { deliverAt, ...properties } = JSON.parse(text) as Stored;
  return { properties, deliverAt };
}
