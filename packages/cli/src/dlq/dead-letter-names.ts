/** What queues of dead letters are called: by us, by MassTransit, NServiceBus, Spring and Rebus, and by hand. */
const usual =
  /(?:^|[._-])(?:dlq|dlx|dead|dead[._-]?letters?|error|errors|failed|failures|poison|skipped|parking[._-]?lot)$/i;

/** Whether a queue of this name is one of dead letters, as far as a name can tell. */
export function isDeadLetterName(queue: string): boolean {
  return usual.test(queue);
}
