import pino from 'pino';

/** A logger for code that wants one, in tests that do not look at it. */
export const silentLog = pino({ level: 'silent' });
