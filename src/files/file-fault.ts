/**
 * Why a file did not come, in words that the client may read: nothing of the network on this side of it, so that an
 * address that is refused looks like one where nobody answers.
 */
export class FileFault extends Error {
  override readonly name: string = 'FileFault';
}

/** It has more bytes than it may. */
export class FileTooLarge extends FileFault {
  override readonly name = 'FileTooLarge';
}
