import { defineAgent } from 'outlast';

/** Does not ask a model again that has failed: what the server retries by itself is not the subject here. */
export default defineAgent({
  model: 'demo:scripted',
  instructions: 'Follow the script.',
  limits: { modelRetries: 0 },
});
