/**
 * Why no answer came: nobody wants requests to go to such an address; it took too long; or the connection was not
 * made or broke.
 */
export type OutboundFault = 'address-refused' | 'timeout' | 'connection-failed';

/** No answer came. Its message has a code at most: what libraries say may quote the address and what it holds. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly fault: OutboundFault;

  constructor(fault: OutboundFault, code?: string) {
    super(code === undefined ? fault : `${fault} (${code})`);
    this.fault = fault;
  }
}

/** Whatever goes wrong in a connection has a code, from the system, TLS or HTTP; only the guard's refusal has none. */
export function toOutboundError(error: Error & { code?: unknown }): OutboundError {
  if (error instanceof OutboundError) return error;
  return typeof error.code === 'string'
    ? new OutboundError('connection-failed', error.code)
    : new OutboundError('address-refused');
}
