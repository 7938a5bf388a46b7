import { registerHooks } from 'node:module';

/** A bug to put into the product on purpose: the simulation must find it. */
export interface Mutant {
  readonly name: string;
  /** Path of the source, from its `packages` folder on. */
  readonly file: string;
  /** What stands there, and what is put in its place. */
  readonly changes: readonly (readonly [from: string, to: string])[];
  /** The first seed that finds it, where others before it do not: tried before them. It may change with the plans. */
  readonly foundBy?: number;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'ack-before-confirm',
    file: 'consumer/src/failures.ts',
    changes: [['delivery.moving?.();', "delivery.settle('ack');"]],
  },
  {
    name: 'ack-on-new-channel',
    foundBy: 8,
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
        'export class Subscription implements Origin, Slots, Entrance {',
        'const newest = new WeakMap<object, DriverChannel>();\nexport class Subscription implements Origin, Slots, Entrance {',
      ],
    ],
  },
  {
    name: 'no-resend',
    foundBy: 419,
    file: 'core/src/confirmed-channel.ts',
    changes: [
      ["const again = inFlight.filter(({ state }) => state !== 'done');", 'const again: typeof inFlight = [];'],
    ],
  },
  {
    name: 'resent-in-reverse',
    foundBy: 1962,
    file: 'core/src/confirmed-channel.ts',
    changes: [['for (const entry of again.toReversed()) {', 'for (const entry of again) {']],
  },
  {
    name: 'told-and-written-again',
    foundBy: 837,
    file: 'core/src/confirmed-channel.ts',
    // Those of publishers only: a copy is missed where its original is not in hand.
    changes: [
      [
        "const again = inFlight.filter(({ state }) => state !== 'done');",
        "const again = inFlight.filter(({ state, message }) => state !== 'done' || message.routingKey === 'orders');",
      ],
    ],
  },
  {
    name: 'told-and-left-waiting',
    file: 'core/src/confirmed-channel.ts',
    changes: [["    entry.state = 'done';\n    this.#leaveWaiting(entry);", "    entry.state = 'done';"]],
  },
  {
    name: 'one-more-unconfirmed',
    file: 'publisher/src/admission.ts',
    changes: [['return this.#admitted < maxUnconfirmed &&', 'return this.#admitted <= maxUnconfirmed &&']],
  },
  {
    name: 'one-more-in-hand',
    file: 'consumer/src/subscription.ts',
    changes: [
      [
        'await channel.prefetch(prefetch, this.#deadline());\n      if',
        'await channel.prefetch(prefetch > 1 ? prefetch + 1 : 1, this.#deadline());\n      if',
      ],
    ],
  },
  {
    name: 'copy-outlives-original',
    foundBy: 168,
    file: 'consumer/src/copies.ts',
    changes: [['one.sending?.withdraw();\n    this.#finish(one, channelGone);', 'this.#finish(one, channelGone);']],
  },
  {
    name: 'one-id-twice-on-a-channel',
    foundBy: 847,
    file: 'core/src/confirmed-channel.ts',
    changes: [['if (this.#ledger.byId(entry.messageId) !== undefined) return;', '']],
  },
  {
    name: 'returns-ignored',
    foundBy: 43,
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
    foundBy: 196,
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
    foundBy: 23,
    file: 'consumer/src/decide.ts',
    changes: [['(failedAt !== undefined && now < failedAt)', '(failedAt !== undefined && now < 0)']],
  },
  {
    name: 'missing-exchange-is-final',
    foundBy: 2207,
    file: 'core/src/topology-assertions.ts',
    changes: [["entity.what.kind === 'binding' && isNotFound(thrown)", 'entity.unanswered < 0']],
  },
  {
    name: 'retry-overtaken',
    file: 'consumer/src/order.ts',
    changes: [
      [
        'turn.readyAt = this.#options.clock.now() + delayMs;',
        'turn.readyAt = this.#options.clock.now() + delayMs; turn.line.turns.delete(turn); turn.line.turns.add(turn);',
      ],
    ],
  },
  {
    name: 'ordered-consumer-cancelled',
    foundBy: 942,
    file: 'consumer/src/subscription.ts',
    changes: [['if (order !== undefined) return;\n    try', 'try']],
  },
  {
    name: 'left-behind-handler-forgotten',
    foundBy: 547,
    file: 'consumer/src/order.ts',
    changes: [['if (first?.isRunning) line.ghost = first;', 'void first;']],
  },
  {
    name: 'answers-in-order',
    file: 'publisher/src/replies.ts',
    changes: [
      [
        'const waiting = id === undefined ? undefined : this.#waiting.get(id);',
        'const waiting = id === undefined ? undefined : [...this.#waiting.values()][0];',
      ],
    ],
  },
  {
    name: 'waiting-forgotten-at-reconnect',
    file: 'publisher/src/replies.ts',
    changes: [
      [
        'this.#internals = internals;',
        "this.#internals = internals; internals.consumeLink.onStateChange(({ phase }) => phase === 'open' && this.#waiting.clear());",
      ],
    ],
  },
  {
    name: 'reply-queue-of-each-connection',
    file: 'publisher/src/reply-queue.ts',
    changes: [
      [
        'if (over.aborted) return;',
        'if (over.aborted) { this.#stands = false; this.#name = this.#newName(); return; }',
      ],
    ],
  },
  {
    name: 'reply-queue-left',
    file: 'publisher/src/requests.ts',
    changes: [['await this.#replies.leave(clock.deadline(farewellMs));', 'void [clock, farewellMs];']],
  },
  {
    name: 'waiting-without-end',
    file: 'publisher/src/requests.ts',
    changes: [['this.#deadlines.add(request);', '']],
  },
  {
    name: 'abort-ignored-once-stored',
    file: 'publisher/src/requests.ts',
    changes: [['this.#aborts.add(request);', '']],
  },
  {
    name: 'waiting-left-at-close',
    foundBy: 440,
    file: 'publisher/src/requests.ts',
    changes: [['for (const request of this.#deadlines.items()) request.giveUp(text, cause);', 'void cause;']],
  },
  {
    name: 'answered-and-written-again',
    foundBy: 419,
    file: 'publisher/src/requests.ts',
    changes: [['this.#options.onAnsweredFirst(pending);', 'void pending;']],
  },
  {
    name: 'dead-letter-told-before-it-is-one',
    file: 'consumer/src/failures.ts',
    changes: [
      [
        'const delayed = await this.#sentDelayed(move);',
        'if (rungMs === undefined) this.#options.answers.deadLettered(move.failure, move.reason); const delayed = await this.#sentDelayed(move);',
      ],
    ],
  },
  {
    name: 'failed-attempt-told-as-the-last',
    file: 'consumer/src/failures.ts',
    changes: [
      [
        "else move.delivery.settle('ack');",
        "else this.#options.answers.deadLettered(move.failure, move.reason), move.delivery.settle('ack');",
      ],
    ],
  },
  {
    name: 'waiting-original-acked-before-its-copy',
    file: 'consumer/src/waiting/laying-aside.ts',
    changes: [['line.laying = turn;\n  }', "{ line.laying = turn; turn.delivery.settle('ack'); }\n  }"]],
  },
  {
    name: 'last-laid-aside-first',
    file: 'consumer/src/waiting/laying-aside.ts',
    changes: [
      ['const turn = line.turns.at(line.laid);', 'const turn = line.turns.at(line.turns.size - 1);'],
      ['line.turns.at(line.laid) !== turn', '![...line.turns].includes(turn)'],
    ],
  },
  {
    name: 'work-queue-before-waiting-queue',
    file: 'consumer/src/order.ts',
    changes: [['this.#early.push(delivery);', 'this.#admit(delivery);']],
  },
  {
    name: 'marker-not-awaited',
    file: 'consumer/src/waiting/waiting-queue.ts',
    changes: [["    this.#read('marker');", "    this.#read('marker');\n    this.#know();"]],
  },
  {
    name: 'waiting-queue-left-behind',
    file: 'consumer/src/waiting/waiting-queue.ts',
    changes: [['if (!isLeft) return this.#lookLater();', 'if (isLeft || !isLeft) return this.#lookLater();']],
  },
  {
    name: 'suspects-handled-beside-others',
    file: 'consumer/src/waiting/suspects.ts',
    changes: [['if (!turn.isSuspect || this.isDeadly(turn)) return true;', 'if (turn !== undefined) return true;']],
  },
  {
    name: 'no-quarantine',
    foundBy: 360,
    file: 'consumer/src/caution.ts',
    changes: [['deliveryCount >= markOf(deliveryLimit)', 'deliveryCount >= 1_000 * markOf(deliveryLimit)']],
  },
];

/** Plants the bug: from here on, the source is loaded with it. */
export function plant(name: string): void {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant "${name}".`);
  plantMutant(mutant);
}

/** The same with one that is given. */
export function plantMutant(mutant: Mutant): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/packages/${mutant.file}`)) return loaded;
      let source = String(loaded.source);
      for (const [from, to] of mutant.changes) {
        if (!source.includes(from)) throw new Error(`Mutant "${mutant.name}" does not fit ${mutant.file} any more.`);
        source = source.replace(from, to);
      }
      return { ...loaded, source };
    },
  });
}
