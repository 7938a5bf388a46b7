/** The command line cannot be carried out as it is; nothing was done. The program exits with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
