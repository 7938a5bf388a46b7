/** What ours may keep while the broker is away, in bytes: less than is published then, so that it has to hold. */
export const memoryBound: number = 32 * 1_024 * 1_024;
