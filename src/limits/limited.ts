/** What is limited: requests of somebody known, requests from an address, and open streams. */
export const LIMITED = ['principal', 'address', 'streams'] as const;

export type Limited = (typeof LIMITED)[number];
