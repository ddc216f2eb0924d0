import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { append, insertRunning, serveAlone, setStatus, type TestHttp } from '../http/in-process.ts';
import { waitFor } from '../support/wait-for.ts';

let server: TestHttp;

beforeEach(async () => {
  server = await serveAlone();
});

afterEach(() => server.dispose());

test('a stream that ends for a person hears of the wait though a row came with it', async () => {
  const { id, no } = await insertRunning(server.db);
  const response = await fetch(`${server.url}/executions/${id}/stream?until=suspended`);
  let text = '';
  void response.text().then((whole) => {
    text = whole;
  });
  await waitFor(() => server.recentRows.tailOf(no) === 0, { describe: 'a reader that waits' });
  await append(server, no, 1, [{ type: 'start' }], false);
  await setStatus(server.db, id, "status = 'suspended', worker_id = NULL, suspended_reason = 'approval'");
  // One commit, of which the row and the change of status are told in the same moment.
  server.recentRows.publish(no, [{ seq: 1, n: 1, chunks: '{"type":"start"}' }]);
  server.recentRows.publish(no, []);
  // Long before the reader would look by itself.
  await waitFor(() => text !== '', { describe: 'the end', deadlineMs: 5000 });
  expect(text).toContain('"finishReason":"tool-calls"');
});
