/**
 * What is known of a broker by the version that it announces at connect. Nothing else may ask for the version: what is
 * declared and how messages are settled is the same on all of them.
 */
export interface BrokerTraits {
  /** For logs, for example `RabbitMQ 4.3.6`. */
  readonly label: string;
  /** Whether this SDK is tested with it: RabbitMQ 3.10 to 4.3. Other versions get the traits of the nearest tested one. */
  readonly supported: boolean;
  /** Bugs of this version that can lose or strand messages, each a sentence with the version that ends it. */
  readonly knownBugs: readonly string[];
  /** Where this version gives less than the newest, each a sentence. Nothing of it loses a message. */
  readonly limits: readonly string[];
  /**
   * What it costs a message of a quorum queue to be delivered and given back: on 4.3 `nothing`, where that is by `nack`;
   * before, one delivery of those that its queue's limit allows, and where nobody has set a limit there is one from 4.0 on.
   */
  readonly givingBack: 'counts' | 'counts, with a limit' | 'nothing';
  /** Whether a queue can keep back what failed by itself. */
  readonly delaysRetries: boolean;
}

/** Major, minor, patch. */
type Version = readonly [number, number, number];

interface KnownBug {
  /** Each series in which it was seen: first version that has it, first that does not. */
  readonly from: Version;
  readonly until: Version;
  readonly text: string;
}

const bugs: readonly KnownBug[] = [
  {
    from: [3, 13, 0],
    until: [3, 13, 3],
    text: 'a message that was dead-lettered before can be dropped as a cycle; upgrade to 3.13.3 (rabbitmq-server#11159)',
  },
  {
    from: [4, 2, 0],
    until: [4, 2, 7],
    text: 'dead lettering can stop when a queue changes its leader; upgrade to 4.2.7 (rabbitmq-server#16203)',
  },
  {
    from: [4, 3, 0],
    until: [4, 3, 1],
    text: 'dead lettering can stop when a queue changes its leader; upgrade to 4.3.1 (rabbitmq-server#16203)',
  },
  {
    from: [4, 2, 0],
    until: [4, 3, 3],
    text: 'queues with retries can stay without a leader after members came and went; upgrade to 4.3.3 (rabbitmq-server#16652)',
  },
];

/** Each holds before the version. */
const limits: readonly { readonly until: Version; readonly text: string }[] = [
  {
    until: [3, 11, 0],
    text: 'a malformed x-death header from another client stops dead lettering on its node, and the declaring of queues (seen on 3.10.8); restart the node after it was removed',
  },
  {
    until: [4, 3, 0],
    text: 'messages that a consumer gives back at shutdown count towards the delivery limit: keep it at 50 or above',
  },
];

const oldestTested: Version = [3, 10, 0];
const newestTested: Version = [4, 3, 0];

/** @param announced as the broker says it, for example `4.3.6`, `3.12.14-rc.1` or something unknown */
export function brokerTraits(announced: string): BrokerTraits {
  const version = parse(announced);
  if (version === undefined) return unknownBroker(announced);
  return {
    label: `RabbitMQ ${announced}`,
    supported: compare(version, oldestTested) >= 0 && compareSeries(version, newestTested) <= 0,
    knownBugs: bugs
      .filter(({ from, until }) => compare(version, from) >= 0 && compare(version, until) < 0)
      .map(({ text }) => text),
    limits: limits.filter(({ until }) => compare(version, until) < 0).map(({ text }) => text),
    givingBack: costOf(version),
    delaysRetries: compare(version, [4, 3, 0]) >= 0,
  };
}

function unknownBroker(announced: string): BrokerTraits {
  const label = announced === '' ? 'a broker of unknown version' : `a broker of version ${JSON.stringify(announced)}`;
  return {
    label,
    supported: false,
    knownBugs: [],
    limits: [],
    givingBack: 'counts, with a limit',
    delaysRetries: false,
  };
}

function costOf(version: Version): BrokerTraits['givingBack'] {
  if (compare(version, [4, 3, 0]) >= 0) return 'nothing';
  return compare(version, [4, 0, 0]) >= 0 ? 'counts, with a limit' : 'counts';
}

function parse(announced: string): Version | undefined {
  const match = /^\D{0,20}(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?/.exec(announced);
  if (match === null) return undefined;
  const [, major, minor, patch = '0'] = match;
  return [Number(major), Number(minor), Number(patch)];
}

function compare(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

function compareSeries(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1];
}
