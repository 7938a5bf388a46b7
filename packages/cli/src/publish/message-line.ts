import { bytesOf, tableFromPlain } from '@surehop/core/internal';
import type { RawProperties } from '@surehop/publisher';
import { parseExactly, textOf } from '../exact-json.ts';

/** One message to publish. */
export interface Draft {
  readonly content: Buffer;
  readonly properties: RawProperties;
}

/** Why a line is no message. */
class DamagedLineError extends Error {
  override readonly name = 'DamagedLineError';
}

/** What may stand in a line. The last of them are what `surehop consume` tells besides; they are not published. */
const known = ['body', 'bodyBase64', 'messageId', 'headers', 'properties'];
const told = ['queue', 'exchange', 'routingKey', 'attempt', 'redelivered', 'deliveryCount'];

type PropertyKind = 'string' | 'integer';
const propertyKinds: Readonly<Record<Exclude<keyof RawProperties, 'headers'>, PropertyKind>> = {
  contentType: 'string',
  contentEncoding: 'string',
  deliveryMode: 'integer',
  priority: 'integer',
  correlationId: 'string',
  replyTo: 'string',
  expiration: 'string',
  messageId: 'string',
  timestamp: 'integer',
  type: 'string',
  userId: 'string',
  appId: 'string',
};

/**
 * Reads a line such as `{"body": {"id": 1}, "headers": {"tenant": "a"}, "messageId": "m-1"}`.
 *
 * @param contentType of a message that names none; undefined: `application/json` for a `body`, none for bytes
 * @throws {DamagedLineError}
 */
export function draftOf(line: Uint8Array, contentType: string | undefined): Draft {
  const given = objectIn(line);
  const stranger = Object.keys(given).find((key) => !known.includes(key) && !told.includes(key));
  if (stranger !== undefined) throw new DamagedLineError(`unknown key ${JSON.stringify(stranger)}`);
  const content = bodyOf(given);
  const type = contentType ?? ('body' in given ? 'application/json' : undefined);
  const properties = propertiesOf(given.properties);
  const messageId = given.messageId === undefined ? {} : { messageId: given.messageId };
  if (!isNonEmptyString(messageId.messageId ?? 'none'))
    throw new DamagedLineError('messageId must be a text, and not empty');
  const headers = headersOf(given.headers);
  return {
    content,
    properties: {
      ...(type === undefined ? {} : { contentType: type }),
      ...properties,
      ...messageId,
      ...headers,
    } as RawProperties,
  };
}

function objectIn(line: Uint8Array): Record<string, unknown> {
  const text = textOf(line);
  if (text === undefined) throw new DamagedLineError('it is not UTF-8');
  let given: unknown;
  try {
    given = parseExactly(text);
  } catch (cause) {
    throw new DamagedLineError(`it is not JSON: ${(cause as Error).message}`);
  }
  if (!isTable(given)) throw new DamagedLineError('it is not a JSON object');
  return given;
}

function bodyOf(given: Record<string, unknown>): Buffer {
  if ('body' in given && 'bodyBase64' in given) throw new DamagedLineError('it has both body and bodyBase64');
  if ('body' in given) return Buffer.from(JSON.stringify(given.body));
  if (typeof given.bodyBase64 !== 'string') throw new DamagedLineError('it has neither a body nor a bodyBase64');
  try {
    return bytesOf(given.bodyBase64);
  } catch {
    throw new DamagedLineError('bodyBase64 is not base64');
  }
}

function headersOf(given: unknown): Pick<RawProperties, 'headers'> {
  if (given === undefined) return {};
  if (!isTable(given)) throw new DamagedLineError('headers must be an object');
  try {
    return { headers: tableFromPlain(plainNumbers(given) as Record<string, unknown>) };
  } catch (cause) {
    throw new DamagedLineError(`headers: ${(cause as Error).message}`);
  }
}

function propertiesOf(given: unknown): Record<string, unknown> {
  if (given === undefined) return {};
  if (!isTable(given)) throw new DamagedLineError('properties must be an object');
  const properties = plainNumbers(given) as Record<string, unknown>;
  for (const [name, value] of Object.entries(properties)) {
    const kind = Object.hasOwn(propertyKinds, name) ? propertyKinds[name as keyof typeof propertyKinds] : undefined;
    if (kind === undefined) throw new DamagedLineError(`unknown property ${JSON.stringify(name)}`);
    const fits = kind === 'string' ? typeof value === 'string' : Number.isSafeInteger(value);
    if (!fits) throw new DamagedLineError(`property ${name} must be ${kind === 'string' ? 'a text' : 'an integer'}`);
  }
  return properties;
}

/** Of headers and properties, numbers are what AMQP can carry: a raw `1.50` is 1.5. */
function plainNumbers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNonEmptyString(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
