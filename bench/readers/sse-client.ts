/** A process that reads many streams of server-sent events, each on a connection of its own. */
import { Agent, get, type IncomingMessage } from 'node:http';
import { Reception } from '../log/reception.ts';
import { serveActor } from '../processes/serve-actor.ts';
import type { ReaderVerbs } from './reader-process.ts';

/** So many are connecting at once: more would overrun the server's queue of new connections. */
const AT_ONCE = 50;

let agent: Agent;
let reception: Reception;
let isClosed = false;

const verbs: ReaderVerbs = {
  async open(_databaseUrl, addresses, before) {
    agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
    reception = new Reception(addresses.length, before);
    isClosed = false;
    const waiting = addresses.map((address, reader) => ({ address, reader }));
    const connectNext = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        follow(await connect(next.address, before), next.reader);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, connectNext));
  },
  async count(from, to) {
    reception.count(from, to);
  },
  async total() {
    return reception.total;
  },
  async received() {
    return reception.received;
  },
  async close() {
    isClosed = true;
    agent.destroy();
  },
};

function connect(url: string, before: number): Promise<IncomingMessage> {
  const headers = { accept: 'text/event-stream', 'last-event-id': String(before) };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent, headers }, (response) => {
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`${url} answered ${response.statusCode}`));
    });
    request.on('error', (error) => {
      if (!isClosed) reject(error);
    });
  });
}

/** Reads as fast as can be: an event is looked at where it stands in what came. */
function follow(response: IncomingMessage, reader: number): void {
  const into = reception;
  let rest = '';
  response.setEncoding('latin1').on('data', (text: string) => {
    const all = rest === '' ? text : rest + text;
    let from = 0;
    for (let end = all.indexOf('\n\n'); end !== -1; end = all.indexOf('\n\n', from)) {
      if (all.startsWith('id: ', from)) {
        const line = all.indexOf('\n', from);
        into.take(reader, Number(all.slice(from + 4, line)), all, line + '\ndata: '.length);
      }
      from = end + 2;
    }
    rest = all.slice(from);
  });
  response.on('error', () => {
    if (!isClosed) throw new Error('A stream was cut');
  });
}

serveActor(verbs);
