import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { OTHER_KILLS } from './approvals-kill-table.ts';
import { Office } from './approvals-office.ts';
import { outlive } from './approvals-outlive.ts';

let office: Office;

beforeAll(async () => {
  office = await Office.open();
  // Three processes are started for it.
}, 90_000);

afterAll(() => office.close());

describe('what people are asked and decide outlasts a SIGKILL', () => {
  test.each(OTHER_KILLS)('$name', (kill) => outlive(office, kill), 60_000);
});
