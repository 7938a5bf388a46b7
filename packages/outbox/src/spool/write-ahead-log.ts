/**
 * SQLite's write-ahead log (sqlite.org/fileformat2.html#walformat), as far as it takes to tell a torn end from damage.
 *
 * SQLite reads the log up to the first frame whose checksum is wrong. At the end that is right: the last commit was not
 * through when the machine stopped, and nobody was told that it was. In the middle it would silently take back commits
 * that were on the disk.
 */

const headerBytes = 32;
const frameHeaderBytes = 24;
const magic = 0x37_7f_06_82;

interface Sums {
  readonly first: number;
  readonly second: number;
}

interface Frame {
  readonly at: number;
  /** The checksum that its own goes on from; undefined where there is none. */
  readonly before: Sums | undefined;
  readonly isIntact: boolean;
  readonly page: number;
  /** Pages of the database after the commit that it ends; 0 in the middle of one. */
  readonly pagesAfter: number;
  readonly isOfThisLog: boolean;
}

/**
 * The log with every frame of it that can still be read, its checksums made anew; undefined where nothing is damaged but,
 * perhaps, the commit at the end. What a frame holds may be damaged all the same: whoever reads it has to look.
 */
export function repairedLog(log: Buffer, pageSize: number): Buffer | undefined {
  const header = headerOf(log, pageSize);
  const frames = [...framesOf(log, pageSize, header)];
  const firstBad = header.isIntact ? frames.findIndex(({ isIntact }) => !isIntact) : 0;
  if (firstBad < 0) return undefined;
  const bad = frames[firstBad];
  const later = frames.slice(header.isIntact ? firstBad + 1 : 0);
  const commitsBehind = later.filter(({ isIntact, pagesAfter }) => isIntact && pagesAfter > 0).length;
  // A commit begins when the one before it is on the disk: one that has others behind it was there.
  const wasStored = commitsBehind + (header.isIntact && bad?.isOfThisLog && bad.pagesAfter > 0 ? 1 : 0) >= 2;
  if (!wasStored) return undefined;
  return written(log, placed(log, frames, pageSize, header), pageSize, header);
}

/** The frames whose page is known. What is wrong in the header of one is found by trying: its checksum says when it is right. */
function placed(log: Buffer, frames: readonly Frame[], pageSize: number, { isBigEndian }: Header): Frame[] {
  // No page of the database is behind its end.
  const end = Math.max(...frames.map(({ isIntact, pagesAfter }) => (isIntact ? pagesAfter : 0)));
  const all = Array.from({ length: end + 1 }, (_, number) => number);
  return frames.flatMap((frame) => {
    if (frame.isIntact) return [frame];
    const { at, before, page, pagesAfter, isOfThisLog } = frame;
    const isRight = (header: { page: number; pagesAfter: number }): boolean => {
      if (before === undefined) return false;
      const sums = frameSums(before, headed(log.subarray(at, at + frameHeaderBytes + pageSize), header), isBigEndian);
      return sums.first === log.readUInt32BE(at + 16) && sums.second === log.readUInt32BE(at + 20);
    };
    const candidates = [
      ...all.map((number) => ({ page: number, pagesAfter })),
      ...all.map((number) => ({ page, pagesAfter: number })),
    ];
    const right = candidates.find(isRight);
    if (right !== undefined) return [{ ...frame, ...right }];
    return isOfThisLog && page <= end && pagesAfter <= end ? [frame] : [];
  });
}

/** A frame with another header. */
function headed(frame: Buffer, { page, pagesAfter }: { page: number; pagesAfter: number }): Buffer {
  const copy = Buffer.from(frame);
  copy.writeUInt32BE(page, 0);
  copy.writeUInt32BE(pagesAfter, 4);
  return copy;
}

interface Header {
  readonly isIntact: boolean;
  readonly isBigEndian: boolean;
  /** As the frames have it. */
  readonly salt: Buffer;
  readonly sums: Sums;
}

function headerOf(log: Buffer, pageSize: number): Header {
  const isBigEndian = log.length >= 4 && (log.readUInt32BE(0) & 1) === 1;
  const isWhole = log.length >= headerBytes;
  const sums = isWhole ? summed({ first: 0, second: 0 }, log.subarray(0, 24), isBigEndian) : { first: 0, second: 0 };
  const isIntact =
    isWhole &&
    log.readUInt32BE(0) >>> 1 === magic >>> 1 &&
    sums.first === log.readUInt32BE(24) &&
    sums.second === log.readUInt32BE(28);
  const firstFrame = log.subarray(headerBytes, headerBytes + frameHeaderBytes + pageSize);
  const salt = isIntact || firstFrame.length === 0 ? log.subarray(16, 24) : firstFrame.subarray(8, 16);
  return { isIntact, isBigEndian: isIntact ? isBigEndian : false, salt, sums };
}

function* framesOf(log: Buffer, pageSize: number, header: Header): Generator<Frame> {
  const size = frameHeaderBytes + pageSize;
  let before: Sums | undefined = header.isIntact ? header.sums : undefined;
  for (let at = headerBytes; at + size <= log.length; at += size) {
    const stored = { first: log.readUInt32BE(at + 16), second: log.readUInt32BE(at + 20) };
    const page = log.readUInt32BE(at);
    const isOfThisLog = log.subarray(at + 8, at + 16).equals(header.salt) && page > 0;
    const sums = before && frameSums(before, log.subarray(at, at + size), header.isBigEndian);
    const isIntact = isOfThisLog && sums?.first === stored.first && sums.second === stored.second;
    yield { at, before, isIntact, page, pagesAfter: log.readUInt32BE(at + 4), isOfThisLog };
    before = stored; // each checksum goes on from the one before, so that a frame behind a damaged one can be told
  }
}

function written(log: Buffer, frames: readonly Frame[], pageSize: number, { isBigEndian, salt }: Header): Buffer {
  const size = frameHeaderBytes + pageSize;
  const copy = Buffer.alloc(headerBytes + frames.length * size);
  copy.writeUInt32BE((magic | Number(isBigEndian)) >>> 0, 0);
  copy.writeUInt32BE(3_007_000, 4);
  copy.writeUInt32BE(pageSize, 8);
  salt.copy(copy, 16);
  let sums = summed({ first: 0, second: 0 }, copy.subarray(0, 24), isBigEndian);
  copy.writeUInt32BE(sums.first, 24);
  copy.writeUInt32BE(sums.second, 28);
  for (const [index, frame] of frames.entries()) {
    const to = headerBytes + index * size;
    headed(log.subarray(frame.at, frame.at + size), frame).copy(copy, to);
    salt.copy(copy, to + 8);
    sums = frameSums(sums, copy.subarray(to, to + size), isBigEndian);
    copy.writeUInt32BE(sums.first, to + 16);
    copy.writeUInt32BE(sums.second, to + 20);
  }
  return copy;
}

function frameSums(before: Sums, frame: Buffer, isBigEndian: boolean): Sums {
  return summed(summed(before, frame.subarray(0, 8), isBigEndian), frame.subarray(frameHeaderBytes), isBigEndian);
}

function summed({ first, second }: Sums, bytes: Buffer, isBigEndian: boolean): Sums {
  const word = (at: number): number => (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
  let [one, other] = [first, second];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    one = (one + word(at) + other) >>> 0;
    other = (other + word(at + 4) + one) >>> 0;
  }
  return { first: one, second: other };
}
