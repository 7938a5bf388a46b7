/** What the program exits with. docs/cli.md tells them to people; a test holds the two equal. */
export const exitCodes = {
  /** All that was asked for is done. */
  done: 0,
  /** It could not be done, or not be finished; the reason is on standard error. */
  failed: 1,
  /** The command line is wrong, or a confirmation could not be asked for. Nothing was done. */
  usage: 2,
  /** It was looked, and something was found: a difference, a problem. */
  findings: 3,
  /** Done, but not for all: some were skipped, damaged or came back. */
  partly: 4,
  /** Stopped by Ctrl-C, or by a no to a confirmation. What was done stays done. */
  cancelled: 130,
  /** Stopped by SIGTERM, as by Ctrl-C. */
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
