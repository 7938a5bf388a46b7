import { type Codec, jsonCodec, SurehopError } from '@surehop/core';
import { type AnswerBody, kindOf } from '@surehop/core/internal';

/** As much as a publisher sends by default, in bytes: a broker closes the channel for what is beyond its own limit. */
const maxAnswerBytes = 16 * 1_024 * 1_024;

/**
 * What a handler returned, as it is sent: undefined is no value. Without a codec, which is a raw queue's, bytes go as they
 * are and anything else as JSON.
 *
 * @throws {Error} whatever the codec threw; SUREHOP_BODY_UNENCODABLE for what it returned that are no bytes;
 *   SUREHOP_MESSAGE_TOO_LARGE
 */
export function encodeAnswer(codec: Codec | undefined, value: unknown): AnswerBody {
  if (value === undefined) return undefined;
  const body = encoded(codec, value);
  const bytes = body.content.length;
  if (bytes <= maxAnswerBytes) return body;
  const text = `the answer has ${bytes} bytes, the limit is ${maxAnswerBytes}`;
  throw new SurehopError('SUREHOP_MESSAGE_TOO_LARGE', text, { retryable: false });
}

function encoded(codec: Codec | undefined, value: unknown): NonNullable<AnswerBody> {
  if (codec === undefined && value instanceof Uint8Array) {
    return { content: Buffer.from(value), contentType: 'application/octet-stream' };
  }
  const used = codec ?? jsonCodec;
  const content: unknown = used.encode(value);
  if (content instanceof Uint8Array) return { content, contentType: used.contentType };
  const text = `the codec must give a Uint8Array, it gave ${kindOf(content)}`;
  throw new SurehopError('SUREHOP_BODY_UNENCODABLE', text, { retryable: false });
}
