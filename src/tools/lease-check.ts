/** Says whether this worker's lease is surely still held, by the monotonic clock. */
export interface LeaseCheck {
  /**
   * Milliseconds for which the lease is surely still held: until 0.8 of it has passed since the last renewal that
   * succeeded was *sent*; 0 or less when it is not. A process that was frozen may believe that it owns what has
   * been taken over: it looks here, synchronously, right before it calls a tool, and aborts a tool that outlasts it.
   */
  sureForMs(): number;
  /** Resolves once the lease is surely held. @throws the signal's reason once that aborts */
  whenSurelyHeld(signal: AbortSignal): Promise<void>;
}
