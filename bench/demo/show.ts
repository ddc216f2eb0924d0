import type { UIMessageChunk } from 'ai';
import type { Screen } from './screen.ts';

/** Shows what the agent says and does. */
export function show(screen: Screen, chunk: UIMessageChunk): void {
  switch (chunk.type) {
    case 'start-step':
      screen.beginTurn();
      break;
    case 'reasoning-delta':
      screen.say(chunk.delta, 'dim');
      break;
    case 'text-delta':
      screen.say(chunk.delta);
      break;
    case 'reasoning-end':
      screen.say('\n');
      break;
    case 'text-end':
      screen.say(' ');
      break;
    case 'tool-input-available':
      screen.sayLine(`→ calls ${chunk.toolName} ${JSON.stringify(chunk.input)}`, 'yellow');
      break;
    case 'tool-output-available':
      screen.sayLine(`← result ${JSON.stringify(chunk.output)}`, 'yellow');
      break;
    default:
  }
}
