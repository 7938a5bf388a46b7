// For @surehop/* only, no semver; every line says who needs it.
export { checkBody, encodeBody } from './body.ts'; // outbox
export { checkDelay, type Delay, delayable, delayedAddress, delayOf, restOf, withoutDelay } from './delay.ts'; // outbox
export { existingTarget } from './delay-routes.ts'; // outbox
export type { Contract } from './pending.ts'; // outbox
export { checkPublishOptions, checkRawOptions, checkSequence, destinationOf } from './publish-options.ts'; // outbox
export { longestDeadlineMs } from './publisher-options.ts'; // outbox
export { numberedHeaders, sequenceName, unnumbered } from './sequences/stamping.ts'; // outbox
