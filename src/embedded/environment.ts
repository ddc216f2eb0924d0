const KEPT = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'SystemDrive', 'windir'];

/**
 * The environment of the Postgres programs. Not ours: PG* variables would change what they do, LD_LIBRARY_PATH
 * what they load, and Postgres outlives this process, whose secrets it has no business to keep.
 */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const kept = KEPT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
