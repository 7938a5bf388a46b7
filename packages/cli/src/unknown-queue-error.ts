/** There is no queue of the name that was given, nor one that belongs to it. */
export class UnknownQueueError extends Error {
  override readonly name = 'UnknownQueueError';
}
