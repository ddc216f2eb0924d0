import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { start } from '../http/client.ts';
import { type ModelServer, startModelServer, textOf } from '../providers/model-server.ts';
import { expectSound, readRecord } from '../support/execution-record.ts';
import { calls, failure, type Reply, says, toEvent, whole } from '../support/fake-openai.ts';
import { BodyReader, digestOfStream } from './body-reader.ts';

/* What a model may say, from its socket to the readers' sockets, while others stream beside it. */

const NUL = '\u0000';
const finishTools = { finish: 'tool_calls' };

let model: ModelServer;

beforeAll(async () => {
  model = await startModelServer();
});

afterAll(() => model.dispose());

/** An answer of so many deltas, one after the other, in turns of the event loop of their own. */
function slowly(deltas: readonly string[]): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let next = 0;
    const step = () => {
      const delta = deltas[next++];
      if (delta === undefined) return void response.end(`${toEvent({ finish: 'stop' })}data: [DONE]\n\n`);
      response.write(toEvent(says(delta)), () => setImmediate(step));
    };
    step();
  };
}

const AWKWARD: [string, string[]][] = [
  ['U+0000 in a delta', ['a', `b${NUL}c`, NUL, 'd']],
  ['a pair of surrogates cut in two', ['face: \ud83d', '\ude00 and on']],
  ['surrogates without their other half', ['\ud83d', ' alone ', '\ude00', '\udc00\ud800']],
  ['line ends that only JavaScript knows', ['one\u2028two', '\u2029', '\u2028', '\u0085']],
  ['what looks like the end of a stream', ['\n\ndata: [DONE]\n\n', 'id: 7\ndata: {}\n\n', '\r\n\r']],
  ['a delta of 900 KB', ['begin ', 'é'.repeat(450_000), ' end']],
  ['10,000 deltas of 20 bytes', Array.from({ length: 10_000 }, (_, i) => `${i}`.padEnd(20, '.'))],
];

describe('what a model says', () => {
  test('arrives unharmed, all at once and beside each other', async () => {
    const inputs = AWKWARD.map(([name, deltas]) => {
      model.fake.answer(name, slowly(deltas));
      return name;
    });
    const started = await Promise.all(
      inputs.map((input) => start(model.server.url, { agentId: 'plain', input })),
    );
    const readers = started.map(({ id }) => new BodyReader(model.server.url, id));
    await Promise.all(readers.map(({ closed }) => closed));
    for (const [i, { id }] of started.entries()) {
      const [name, deltas] = AWKWARD[i] as [string, string[]];
      const record = await readRecord(model.server.databaseUrl, id);
      if (record === undefined) throw new Error(`${name} is not stored`);
      expect([name, record.status, record.errorDetail]).toEqual([name, 'completed', null]);
      await expectSound(record);
      const said = textOf(record);
      expect(said === deltas.join('') ? name : said.slice(0, 100)).toBe(name);
      expect(readers[i]?.digest()).toBe(digestOfStream(record.log));
    }
  });

  test.each([
    [
      'in the arguments of a tool call',
      [...calls('x', 'add', '{"a":1,"b":2,"\\u0000":"\\ud83d"}'), finishTools],
    ],
    ['in the id of a tool call', [...calls(`x${NUL}y`, 'add', '{"a":1,"b":2}'), finishTools]],
    ['in the name of a tool', [...calls('x', `a${NUL}dd`, '{"a":1,"b":2}'), finishTools]],
    ['in the reason of the end', [says('hi'), { finish: `st${NUL}op` }]],
    ['in an error', [says('hi'), failure(`${NUL} \ud83d`)]],
  ])('that has U+0000 %s harms neither the execution nor the next', async (_, parts) => {
    const { record } = await model.run('calculator', [whole(...parts), whole(says('Done'))]);
    expect([record.status, record.errorDetail]).toEqual(['completed', null]);
    const next = await model.run('calculator', [whole(says('fine'))]);
    expect(next.text).toBe('fine');
  });
});
