import { ask, start } from '../http/client.ts';
import { waitFor } from './wait-for.ts';

/** A run of the example agent that waits for people, with what they are asked, in the order of its calls. */
export async function startRefunds(
  serverUrl: string,
  count = 1,
): Promise<{ executionId: string; approvalIds: string[] }> {
  const calls = Array.from(
    { length: count },
    (_, i) => `call refund_order {"orderId": "o${i}", "amount": ${i + 1}}`,
  );
  const input = `${calls.join('\n')}\n---\nsay done`;
  const { id: executionId } = await start(serverUrl, { agentId: 'operator', input });
  const approvalIds = await waitFor(
    async () => {
      const answer = await ask(serverUrl, `/approvals?executionId=${executionId}&limit=200`);
      const ids = answer.json().data.map(({ id }) => String(id));
      return ids.length === count ? ids : undefined;
    },
    { describe: 'what people are asked' },
  );
  return { executionId, approvalIds };
}
