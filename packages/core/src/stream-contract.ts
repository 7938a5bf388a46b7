import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Codec, jsonCodec } from './codec.ts';
import { checkCodec, checkSchema } from './contract-checks.ts';
import { checkEntityName, deadLetterName } from './names.ts';
import { boolean, integer, invalid, knownKeys } from './option-checks.ts';
import { type RetryPolicy, resolveRetry } from './retry-policy.ts';

/** A stream that publishers and readers agree on: plain, frozen data. Made by {@link defineStream}. */
export interface StreamContract<In = unknown, Out = In> {
  readonly kind: 'stream';
  readonly name: string;
  /** Checks what is published and turns what is read into `Out`. */
  readonly schema: StandardSchemaV1<In, Out> | undefined;
  readonly codec: Codec;
  /** How often a reader tries a message again, in its place, before it is laid aside. */
  readonly retry: RetryPolicy;
  readonly maxAgeMs: number | undefined;
  readonly maxBytes: number | undefined;
  readonly segmentBytes: number;
}

export interface StreamOptions<In = unknown, Out = In> {
  /**
   * What is older goes, in whole segments, in milliseconds: whole seconds, 1_000 to ten years. The newest segment always
   * stays, whatever its age.
   * @default none: `maxBytes` alone counts
   */
  readonly maxAgeMs?: number;
  /**
   * When the stream is larger, its oldest segments go, in bytes, 1_000 to 2^53 - 1. It may be larger by one segment.
   * @default none: `maxAgeMs` alone counts
   */
  readonly maxBytes?: number;
  /**
   * With neither limit: nothing ever goes, and the disk fills up in the end.
   * @default false
   */
  readonly keepForever?: boolean;
  /**
   * Size of a segment, the unit in which messages go, in bytes, 1_000 to 3_000_000_000.
   * @default an eighth of `maxBytes`, between 1 MB and 500 MB; 500 MB without it
   */
  readonly segmentBytes?: number;
  /** Any Standard Schema (zod, valibot, arktype …). @default none: bodies are not checked */
  readonly schema?: StandardSchemaV1<In, Out>;
  /** @default JSON in UTF-8 */
  readonly codec?: Codec;
  /**
   * Waits of a reader between the attempts at one message: a ladder, or `exponential()`. What comes behind it waits too:
   * the order is kept.
   * @default 1 s, 10 s, 1 min, then the dead-letter queue
   */
  readonly retry?: Partial<RetryPolicy>;
}

const code = 'SUREHOP_CONTRACT_INVALID';
const longestAgeMs = 315_360_000_000;
const smallestBytes = 1_000;
const largestSegmentBytes = 3_000_000_000;
const usualSegmentBytes = 500_000_000;
const leastUsualSegmentBytes = 1_000_000;
const defaultRetry = { delaysMs: [1_000, 10_000, 60_000] };
const known = ['maxAgeMs', 'maxBytes', 'keepForever', 'segmentBytes', 'schema', 'codec', 'retry'];

/**
 * Describes a stream, once, for the services that publish to it and read it: a log that keeps its messages for so long or
 * up to such a size, whoever has read them. Declares nothing by itself.
 *
 * @throws {SurehopError} SUREHOP_CONTRACT_INVALID, naming the option; also when no limit is given
 */
export function defineStream<In = unknown, Out = In>(
  name: string,
  options: StreamOptions<In, Out>,
): StreamContract<In, Out> {
  checkEntityName('stream', name, deadLetterName(''));
  const what = `stream "${name}"`;
  knownKeys(what, options, known, code);
  const { schema, codec = jsonCodec, retry = defaultRetry, maxAgeMs, maxBytes } = options;
  checkSchema(what, schema);
  checkCodec(what, codec);
  checkLimits(what, options);
  const { segmentBytes = usualSegment(maxBytes) } = options;
  integer(`segmentBytes of ${what}`, segmentBytes, smallestBytes, largestSegmentBytes, code);
  const resolved = resolveRetry(what, retry, code);
  if (resolved.broker !== undefined)
    invalid(`retry of ${what} cannot be left to the broker: a stream keeps back nothing`, code);
  return Object.freeze({ kind: 'stream', name, schema, codec, retry: resolved, maxAgeMs, maxBytes, segmentBytes });
}

type Limits = Pick<StreamOptions, 'maxAgeMs' | 'maxBytes' | 'keepForever'>;

function checkLimits(what: string, { maxAgeMs, maxBytes, keepForever = false }: Limits): void {
  boolean(`keepForever of ${what}`, keepForever, code);
  if (maxAgeMs !== undefined) {
    integer(`maxAgeMs of ${what}`, maxAgeMs, 1_000, longestAgeMs, code);
    if (maxAgeMs % 1_000 !== 0) invalid(`maxAgeMs of ${what} must be whole seconds, got ${maxAgeMs}`, code);
  }
  if (maxBytes !== undefined) integer(`maxBytes of ${what}`, maxBytes, smallestBytes, undefined, code);
  const hasLimit = maxAgeMs !== undefined || maxBytes !== undefined;
  if (hasLimit && keepForever) invalid(`${what} has a limit and keepForever: one of them must go`, code);
  if (!hasLimit && !keepForever) {
    invalid(
      `${what} needs maxAgeMs or maxBytes: without a limit it fills the disk; keepForever: true wants that`,
      code,
    );
  }
}

/** So that what `maxBytes` says is kept by and large: nothing smaller than a segment goes. */
function usualSegment(maxBytes: number | undefined): number {
  if (maxBytes === undefined) return usualSegmentBytes;
  return Math.min(usualSegmentBytes, Math.max(leastUsualSegmentBytes, Math.floor(maxBytes / 8)));
}
