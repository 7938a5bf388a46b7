/** The longest delay of the delay network, in milliseconds: a leap year, so that the same date next year is within reach. */
export const longestNetworkDelayMs: number = 366 * 86_400_000;
