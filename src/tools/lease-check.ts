/** Says whether this worker's lease is surely still held, by the monotonic clock. */
export interface LeaseCheck {
  /**
   * True when less than 0.8 of the lease has passed since the last renewal that succeeded was *sent*. A process
   * that was frozen may believe that it owns what has been taken over: it looks here, synchronously, right before
   * it calls a tool.
   */
  isSurelyHeld(): boolean;
  /** Aborts when the lease is lost, or too old to act on. Resolves waits with a fresh lease otherwise. */
  whenSurelyHeld(signal: AbortSignal): Promise<void>;
}
