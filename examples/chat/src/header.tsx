import { newThreadId, type Place } from './location/place.ts';
import type { Agent } from './server/load-agent.ts';

interface HeaderProps {
  place: Place;
  go(next: Place): void;
  agent: Agent | undefined;
}

/** Where the page is, and who answers there. */
export function Header({ place, go, agent }: HeaderProps) {
  return (
    <header className="top">
      <h1>Outlast chat</h1>
      <button type="button" onClick={() => go({ ...place, threadId: newThreadId() })}>
        New thread
      </button>
      {agent?.demo === true && (
        <p className="demo">A scripted demo model answers, not an AI: it plays the lines of your message.</p>
      )}
    </header>
  );
}
