// The whole promise of semver, readable in one screen.
// Spool.
export { createSpoolingPublisher } from './spool/create-spooling-publisher.ts';
export type { Damage } from './spool/damage.ts';
export type { SpoolPublishOptions } from './spool/draft.ts';
export type { SetAsideReason } from './spool/protocol.ts';
export type { ListSetAsideOptions, SetAsideSpoolMessage } from './spool/set-aside.ts';
export type { SpoolHealth } from './spool/spool-health.ts';
export type { SpoolOptions } from './spool/spool-options.ts';
export type { SpoolReceipt } from './spool/spool-receipt.ts';
export type { SpoolingPublisher } from './spool/spooling-publisher.ts';
