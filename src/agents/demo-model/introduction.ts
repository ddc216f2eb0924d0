/** What the demo model answers when it is given no script. */
export const introduction = `I am the demo model of Outlast, not an AI: I play the script that you send me. \
Write one directive a line; a line \`---\` ends a turn.

- \`say TEXT\`: I stream the words of TEXT
- \`stream N MS\`: I stream N words, one every MS milliseconds
- \`think TEXT\`: I stream TEXT as reasoning
- \`call TOOL JSON\`: I ask for a tool call, e.g. \`call add {"a": 2, "b": 3}\`
- \`fail KIND [N]\`: error, cut, interrupted, http-429 or http-500, only the first N times
- \`hang\`: I say nothing until I am stopped
- \`finish REASON\`: length or content-filter
- \`usage IN OUT\`: I report these tokens

Set OPENAI_API_KEY, ANTHROPIC_API_KEY or OUTLAST_MODEL_BASE_URL to talk to a real model.`;
