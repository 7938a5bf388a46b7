import type { RabbitInternals } from '@surehop/core/internal';
import type { AuditLog } from './audit.ts';

/** What everything that is done with one queue of dead letters stands on. */
export interface Desk {
  readonly internals: RabbitInternals;
  readonly queue: string;
  /** Who acts. */
  readonly by: string;
  readonly audit: AuditLog;
  /** True where a contract says that the queue is one of its own. */
  readonly isContracts: boolean;
  readonly acceptsDeliveryCount: boolean;
}
