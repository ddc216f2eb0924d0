const LONGEST = 255;

/** Names under which Outlast itself, its keys, tokens, roles and strangers act: nobody may come with one of these. */
const RESERVED = /^(?:key:|role:|token:|anon:|policy$)/;

/** Whether a user may be known by this id. */
export function isUserId(id: unknown): id is string {
  return isName(id) && !RESERVED.test(id);
}

export function isTenantId(id: unknown): id is string {
  return isName(id);
}

export function isName(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text !== '' &&
    text.length <= LONGEST &&
    text.isWellFormed() &&
    !/[\u0000-\u001f\u007f-\u009f]/.test(text)
  );
}
