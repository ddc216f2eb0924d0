import { defineAgent } from 'outlast';

/** Fails at once: what the server tries again by itself is not the subject here. */
export default defineAgent({
  model: 'demo:scripted',
  instructions: 'Answer.',
  limits: { modelRetries: 0 },
});
