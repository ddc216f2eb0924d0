/**
 * `npm run chaos`, or `npm run chaos -- --seed 7 --faults 1000`: real servers on one Postgres, real faults, and
 * every invariant held against what is stored and what every reader saw. `npm run chaos -- takeover` measures how
 * long a takeover takes.
 */
import { parseOptions } from './options.ts';
import { runChaos } from './run-chaos.ts';
import { measureTakeover } from './takeover/takeover.ts';

const [first, ...rest] = process.argv.slice(2);
const isSound = first === 'takeover' ? await measureTakeover(rest) : await runChaos(parse());
process.exit(isSound ? 0 : 1);

function parse() {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
