// For @surehop/* only, no semver; every line says who needs it.
export { checkBody, encodeBody } from './body.ts'; // outbox
export type { Contract } from './pending.ts'; // outbox
export { checkPublishOptions, checkRawOptions, destinationOf } from './publish-options.ts'; // outbox
export { longestDeadlineMs } from './publisher-options.ts'; // outbox
