import type { Mutant } from '../mutants.ts';

const folder = 'consumer/src/resequencing';

/** Bugs to put into resequencing on purpose: its simulation must find them. */
export const sequenceMutants: readonly Mutant[] = [
  {
    name: 'acknowledged-before-it-is-stored',
    file: `${folder}/saved-position.ts`,
    changes: [['    this.#waiting.push({ number, then });', '    then();']],
  },
  {
    name: 'stored-when-handed-out',
    file: `${folder}/resequencing.ts`,
    changes: [
      [
        '      sequence.take();\n',
        '      sequence.take();\n      lane.position.reach(next.number, () => undefined);\n',
      ],
    ],
  },
  {
    name: 'next-one-not-held-back',
    file: `${folder}/sequence.ts`,
    changes: [
      [
        'return this.#atWork === undefined ? this.#kept.get((this.#last ?? 0) + 1) : undefined;',
        'return this.#kept.get((this.#atWork?.number ?? this.#last ?? 0) + 1);',
      ],
    ],
  },
  {
    name: 'retry-through-a-rung',
    file: 'consumer/src/failures.ts',
    changes: [['if (kept !== undefined) {', 'if (kept === null) {']],
  },
  {
    name: 'store-not-asked-again',
    file: `${folder}/resequencing.ts`,
    changes: [['if (options.store !== undefined) {', 'if (options.store === null) {']],
  },
  {
    name: 'lost-channel-forgets-nothing',
    file: `${folder}/resequencing.ts`,
    changes: [
      ['  lost(from: Entrance): void {\n', '  lost(from: Entrance): void {\n    if (from !== undefined) return;\n'],
    ],
  },
  {
    name: 'left-behind-handler-forgotten',
    file: `${folder}/resequencing.ts`,
    changes: [['if (atWork.isRunning) lane.ghost = atWork;', '']],
  },
  {
    name: 'waiting-ones-kept-at-the-end',
    file: `${folder}/resequencing.ts`,
    changes: [
      [
        '    const withdrawn: Delivery[] = [];\n',
        '    const withdrawn: Delivery[] = [];\n    if (from !== undefined) return withdrawn;\n',
      ],
    ],
  },
  {
    name: 'nothing-comes-in-quarantine',
    file: 'consumer/src/intake.ts',
    changes: [['if (this.#caution.isNarrow && !this.mayReceive) void this.#current?.finish();', '']],
  },
  {
    name: 'entered-late-and-never-started',
    file: 'consumer/src/subscription.ts',
    changes: [['if (this.#isFinishing && this.#isQuiet && this.#unstarted.size > 0) void this.#untilReceived();', '']],
  },
];
