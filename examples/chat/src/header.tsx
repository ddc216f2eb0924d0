import type { MouseEvent } from 'react';
import { newThreadId, type Pane, type Place, placeQuery } from './location/place.ts';
import type { Agent } from './server/load-agent.ts';

interface HeaderProps {
  place: Place;
  go(next: Place): void;
  agent: Agent | undefined;
}

const PANES: Pane[] = ['chat', 'thread'];
const HOOKS: Record<Pane, string> = { chat: 'useChat', thread: 'useThread' };

/** Where the page is, and who answers there. */
export function Header({ place, go, agent }: HeaderProps) {
  const follow = (event: MouseEvent, next: Place) => {
    // With a key held, the browser opens a tab.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(next);
  };
  return (
    <header className="top">
      <h1>Outlast chat</h1>
      <nav aria-label="Hook">
        {PANES.map((pane) => (
          <a
            key={pane}
            href={placeQuery({ ...place, pane })}
            aria-current={pane === place.pane ? 'page' : undefined}
            onClick={(event) => follow(event, { ...place, pane })}
          >
            {HOOKS[pane]}
          </a>
        ))}
      </nav>
      <button type="button" onClick={() => go({ ...place, threadId: newThreadId() })}>
        New thread
      </button>
      {agent?.demo === true && (
        <p className="demo">A scripted demo model answers, not an AI: it plays the lines of your message.</p>
      )}
    </header>
  );
}
