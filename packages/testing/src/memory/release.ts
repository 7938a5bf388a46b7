/** What the releases of RabbitMQ do differently, as far as the in-memory broker knows it. */
export interface Release {
  readonly version: string;
  /** Giving a message back without blame (`nack`, a consumer timeout) counts towards the delivery limit: until 4.3. */
  readonly countsEveryReturn: boolean;
  /** Deliveries tell how often a message was taken before: from 4.3. */
  readonly tellsAcquired: boolean;
  /** The counters of a dead letter go on where it lands: seen from 4.0, counted from 4.3. */
  readonly carriesCounts: boolean;
  /** `x-death` is the broker's own: what a publisher wrote there is not read. From 4.0. */
  readonly ownsDeaths: boolean;
  /** A consumer timeout cancels the consumer; before 4.3 it closes the channel. */
  readonly timeoutCancels: boolean;
  /** A quorum queue can keep back for a while what failed: from 4.3. */
  readonly delaysRetries: boolean;
  /** Largest body, in bytes. */
  readonly maxMessageBytes: number;
}

/** @throws {RangeError} for a release that is none of 3.10 to 4.3 */
export function releaseOf(version: string): Release {
  const match = /^(\d+)\.(\d+)(?:\.\d+)?$/.exec(version);
  const series = match === null ? Number.NaN : Number(match[1]) * 100 + Number(match[2]);
  if (!(series >= 310 && series <= 403)) {
    throw new RangeError(`RabbitMQ ${version} is not known here: 3.10 to 3.13 and 4.0 to 4.3 are`);
  }
  return {
    version: match?.[0].split('.').length === 2 ? `${version}.0` : version,
    countsEveryReturn: series < 403,
    tellsAcquired: series >= 403,
    carriesCounts: series >= 403,
    ownsDeaths: series >= 400,
    timeoutCancels: series >= 403,
    delaysRetries: series >= 403,
    maxMessageBytes: (series >= 400 ? 16 : 128) * 1024 * 1024,
  };
}
