import { registerHooks } from 'node:module';

/** A bug to put into the product on purpose: the simulation must find it. */
export interface Mutant {
  readonly name: string;
  /** Path of the source, from its `packages` folder on. */
  readonly file: string;
  /** What stands there, and what is put in its place. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

export const mutants: readonly Mutant[] = [
  {
    name: 'ack-before-confirm',
    file: 'consumer/src/failures.ts',
    changes: [
      [
        'const sent = copy === undefined ? uncopyable : await copies.send(copy, delivery.gone, extra, delivery);',
        "delivery.settle('ack'); const sent = copy === undefined ? uncopyable : await copies.send(copy, delivery.gone, extra, delivery);",
      ],
    ],
  },
  {
    name: 'ack-on-new-channel',
    file: 'consumer/src/subscription.ts',
    changes: [
      [
        'this.#settler = new Settler(channel, clock, prefetch);',
        'this.#settler = new Settler(channel, clock, prefetch); newest.set(clock, channel);',
      ],
      [
        '    if (this.#isOver || this.#settler',
        "    if (this.#isOver && settlement === 'ack') newest.get(this.#options.clock)?.ack(delivery.message.deliveryTag, false);\n    if (this.#isOver || this.#settler",
      ],
      ['for (const running of this.#running) running.abandon(reason);', ''],
      [
        'export class Subscription implements Origin, Slots {',
        'const newest = new WeakMap<object, DriverChannel>();\nexport class Subscription implements Origin, Slots {',
      ],
    ],
  },
  {
    name: 'no-resend',
    file: 'core/src/confirmed-channel.ts',
    changes: [
      ["const again = inFlight.filter(({ state }) => state !== 'done');", 'const again: typeof inFlight = [];'],
    ],
  },
  {
    name: 'resent-in-reverse',
    file: 'core/src/confirmed-channel.ts',
    changes: [['for (const entry of again.toReversed()) {', 'for (const entry of again) {']],
  },
  {
    name: 'returns-ignored',
    file: 'core/src/confirmed-channel.ts',
    changes: [
      ['if (entry !== undefined) entry.returned = { replyCode, replyText };', 'void [entry, replyCode, replyText];'],
    ],
  },
  {
    name: 'multiple-taken-as-single',
    file: 'core/src/confirm-ledger.ts',
    changes: [['if (multiple) {', 'if (sequence < 0) {']],
  },
  {
    name: 'attempts-not-counted',
    file: 'consumer/src/failures.ts',
    changes: [['const attempt = attempts.failedAttempts + 1;', 'const attempt = 1;']],
  },
  {
    name: 'deadline-timer-lost',
    file: 'core/src/deadlines.ts',
    changes: [
      ['this.#cancel = this.#clock.setTimeout(() => this.#sweep(), firesAt - now);', 'this.#cancel = () => undefined;'],
    ],
  },
  {
    name: 'cancel-ignored',
    file: 'consumer/src/subscription.ts',
    changes: [
      [
        "this.#end({ kind: 'cancelled', cause: new Error('the broker cancelled the consumer') });\n        this.#abandonChannel();",
        '',
      ],
    ],
  },
  {
    name: 'clock-trusted',
    file: 'consumer/src/decide.ts',
    changes: [['(failedAt !== undefined && now < failedAt)', '(failedAt !== undefined && now < 0)']],
  },
  {
    name: 'missing-exchange-is-final',
    file: 'core/src/topology-assertions.ts',
    changes: [["entity.what.kind === 'binding' && isNotFound(thrown)", 'entity.unanswered < 0']],
  },
  {
    name: 'no-quarantine',
    file: 'consumer/src/caution.ts',
    changes: [['deliveryCount >= markOf(deliveryLimit)', 'deliveryCount >= 1_000 * markOf(deliveryLimit)']],
  },
];

/** Plants the bug: from here on, the source is loaded with it. */
export function plant(name: string): void {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant "${name}".`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/packages/${mutant.file}`)) return loaded;
      let source = String(loaded.source);
      for (const [from, to] of mutant.changes) {
        if (!source.includes(from)) throw new Error(`Mutant "${name}" does not fit ${mutant.file} any more.`);
        source = source.replace(from, to);
      }
      return { ...loaded, source };
    },
  });
}
