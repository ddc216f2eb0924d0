import { ChatPage } from './chat/chat-page.tsx';
import { Header } from './header.tsx';
import { usePlace } from './location/use-place.ts';
import { loadAgent } from './server/load-agent.ts';
import { ThreadPage } from './thread/thread-page.tsx';
import { useLoaded } from './use-loaded.ts';

/** The page: a thread, shown by the hook that its address names. */
export function App() {
  const [place, go] = usePlace();
  const { value: agent } = useLoaded(loadAgent);
  const demo = agent?.demo === true;
  const Page = place.pane === 'thread' ? ThreadPage : ChatPage;
  return (
    <div className="page">
      <Header place={place} go={go} agent={agent} />
      <Page key={place.threadId} threadId={place.threadId} demo={demo} />
    </div>
  );
}
