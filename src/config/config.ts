import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseRoleScopes } from '../auth/role-scopes.ts';
import { parseEncryptionKeys } from '../secrets/encryption-keys.ts';
import { parseTrustedProxies } from './trusted-proxies.ts';

const integer = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
/** Unset, it follows from whether anybody is asked who they are; 0 = no limit. */
const limit = z.coerce.number().int().min(0).max(10_000_000).optional();
const secret = z.string().min(1).optional();
const url = z.url({ protocol: /^https?$/ }).optional();
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

const MAKE_SECRET = 'make one with: echo "whsec_$(openssl rand -base64 32)"';
const webhookSecret = z
  .string()
  .refine(isWebhookSecret, `must be whsec_ and 24 to 64 bytes in base64; ${MAKE_SECRET}`)
  .optional();

/** One entry for each environment variable that Outlast reads; nothing else in it reads the environment. */
const environment = z.object({
  PORT: integer(4400, 0, 65535),
  HOST: z.string().min(1).default('127.0.0.1'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_POOL_SIZE: integer(20, 4, 1000),
  OUTLAST_DATA_DIR: z.string().min(1).default('.outlast'),
  OUTLAST_AGENTS_DIR: z.string().min(1).default('agents'),
  OUTLAST_DEFAULT_AGENT: z.string().min(1).optional(),
  OUTLAST_ROLE: z.enum(['all', 'api', 'worker']).default('all'),
  OUTLAST_BODY_LIMIT: integer(1_048_576, 1024, 104_857_600),
  OUTLAST_REQUEST_TIMEOUT_MS: integer(120_000, 100, 3_600_000),
  OUTLAST_MAX_CONNECTIONS: integer(20_000, 1, 1_000_000),
  OUTLAST_MAX_STREAMS: limit,
  OUTLAST_RATE_LIMIT: limit,
  OUTLAST_RATE_LIMIT_ADDRESS: limit,
  OUTLAST_RATE_WINDOW_SECONDS: integer(60, 1, 3600),
  OUTLAST_TRUST_PROXY: z.string().default('').superRefine(checkTrustedProxies),
  OUTLAST_FILE_LIMIT: integer(10_485_760, 1024, 104_857_600),
  OUTLAST_FILES_ALLOW_PRIVATE: flag,
  OUTLAST_ALLOWED_ORIGINS: list.pipe(z.array(z.url({ protocol: /^https?$/ }))),
  OUTLAST_AUTH: z.enum(['open', 'keys']).optional(),
  OUTLAST_JWT_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  OUTLAST_JWT_JWKS_URL: url,
  OUTLAST_JWT_ISSUER: z.string().optional(),
  OUTLAST_JWT_AUDIENCE: z.string().optional(),
  OUTLAST_JWT_TENANT_CLAIM: z.string().optional(),
  OUTLAST_JWT_ROLES_CLAIM: z.string().default('roles'),
  OUTLAST_JWT_ROLE_SCOPES: z.string().default('admin=admin').superRefine(checkWith(parseRoleScopes)),
  OUTLAST_ENCRYPTION_KEY: z.string().superRefine(checkWith(parseEncryptionKeys)).optional(),
  OUTLAST_AUTOMATION_INPUT_LIMIT: integer(262_144, 1024, 10_485_760),
  WORKER_CONCURRENCY: integer(100, 1, 10_000),
  WORKER_HEARTBEAT_MS: integer(1000, 50, 60_000),
  WORKER_DEAD_AFTER_MS: integer(5000, 200, 600_000),
  SHUTDOWN_GRACE_MS: integer(20_000, 0, 3_600_000),
  LOG_FLUSH_INTERVAL_MS: integer(1, 0, 1000),
  CHUNK_RETENTION_DAYS: z.coerce.number().positive().max(3650).default(7),
  OUTLAST_AUDIT_RETENTION_DAYS: z.coerce.number().min(0).max(36_500).default(0),
  MAINTENANCE_INTERVAL_MS: integer(10_000, 50, 3_600_000),
  OUTLAST_AUTOMATION_CONCURRENCY: integer(100, 1, 100_000),
  FIRING_RETENTION_DAYS: z.coerce.number().min(1).max(3650).default(30),
  OUTLAST_NOTIFY_URL: url,
  OUTLAST_NOTIFY_SECRET: webhookSecret,
  OUTLAST_NOTIFY_ALLOW_PRIVATE: flag,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['pretty', 'json']).optional(),
  OUTLAST_MODEL: z.string().includes(':', 'must be provider:model').optional(),
  OUTLAST_MODEL_BASE_URL: url,
  OUTLAST_MODEL_API_KEY: secret,
  OPENAI_API_KEY: secret,
  OPENAI_BASE_URL: url,
  ANTHROPIC_API_KEY: secret,
  ANTHROPIC_BASE_URL: url,
});

type Environment = z.output<typeof environment>;
type Source = Record<string, string | undefined>;

/** Variables that may also be given as `NAME_FILE`, a path whose content is the value. */
const SECRETS = [
  'DATABASE_URL',
  'OUTLAST_JWT_SECRET',
  'OUTLAST_ENCRYPTION_KEY',
  'OUTLAST_MODEL_API_KEY',
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  // The address of a receiver often is one too.
  'OUTLAST_NOTIFY_URL',
  'OUTLAST_NOTIFY_SECRET',
] as const;

/** Everything that can be set, parsed once at start and frozen; secrets print as `[redacted]`. */
export type Config = Readonly<Environment>;

/** All faults of the environment at once, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(['The configuration has faults:', ...faults.map((fault) => `  - ${fault}`)].join('\n'));
    this.faults = faults;
  }
}

/**
 * Parses the environment. An empty variable counts as unset.
 * @throws ConfigError with every fault, naming the variables but never a secret's value.
 */
export function parseConfig(source: Source): Config {
  const faults: string[] = [];
  const values = readSecretFiles(source, faults);
  const parsed = environment.safeParse(values);
  if (!parsed.success) faults.push(...parsed.error.issues.map((issue) => describeFault(issue)));
  if (parsed.success && parsed.data.WORKER_DEAD_AFTER_MS < 3 * parsed.data.WORKER_HEARTBEAT_MS) {
    faults.push('WORKER_DEAD_AFTER_MS: must be at least three times WORKER_HEARTBEAT_MS');
  }
  if (values['OUTLAST_NOTIFY_URL'] !== undefined && values['OUTLAST_NOTIFY_SECRET'] === undefined) {
    faults.push(`OUTLAST_NOTIFY_SECRET: is needed with OUTLAST_NOTIFY_URL; ${MAKE_SECRET}`);
  }
  faults.push(...tokenFaults(values));
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(hideSecrets(parsed.data));
}

/** Half a set of rules for the tokens of users would let in nobody, or the wrong ones. */
function tokenFaults(values: Source): string[] {
  const isSet = (name: string) => values[`OUTLAST_JWT_${name}`] !== undefined;
  const isOn = isSet('SECRET') || isSet('JWKS_URL');
  const faults: string[] = [];
  if (isSet('SECRET') && isSet('JWKS_URL')) {
    faults.push('OUTLAST_JWT_SECRET: is one way to check tokens, OUTLAST_JWT_JWKS_URL the other; set one');
  }
  if (isOn && values['OUTLAST_AUTH'] === 'open') {
    faults.push('OUTLAST_AUTH: is open, which lets in everybody without a token; leave it unset');
  }
  for (const name of ['ISSUER', 'AUDIENCE']) {
    if (isOn && !isSet(name)) faults.push(`OUTLAST_JWT_${name}: is needed to check the tokens of users`);
  }
  for (const name of ['ISSUER', 'AUDIENCE', 'TENANT_CLAIM', 'ROLES_CLAIM', 'ROLE_SCOPES']) {
    if (isOn || !isSet(name)) continue;
    faults.push(`OUTLAST_JWT_${name}: needs OUTLAST_JWT_SECRET or OUTLAST_JWT_JWKS_URL, too`);
  }
  return faults;
}

/** What cannot be parsed is a fault. */
function checkWith(parse: (text: string) => unknown) {
  return (text: string, context: z.RefinementCtx) => {
    try {
      parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  };
}

function checkTrustedProxies(text: string, context: z.RefinementCtx): void {
  if (parseTrustedProxies(text) !== undefined) return;
  const message = 'must be how many proxies there are, or their addresses: 10.0.0.0/8, 2001:db8::1, loopback';
  context.addIssue({ code: 'custom', message });
}

function isWebhookSecret(text: string): boolean {
  const base64 = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text)?.[1];
  if (base64 === undefined) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}

function describeFault(issue: z.core.$ZodIssue): string {
  return `${issue.path.join('.')}: ${issue.message}`;
}

function readSecretFiles(source: Source, faults: string[]): Source {
  const values: Source = {};
  for (const [name, value] of Object.entries(source)) if (value !== '') values[name] = value;
  for (const name of SECRETS) {
    const path = values[`${name}_FILE`];
    if (path === undefined || values[name] !== undefined) continue;
    try {
      values[name] = readFileSync(path, 'utf8').trim();
    } catch (error) {
      faults.push(
        `${name}_FILE: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      );
    }
  }
  return values;
}

/** Keeps the values readable by name but out of JSON, logs and `console.log`. */
function hideSecrets(values: Environment): Environment {
  const printable = () =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, isSecret(name) && value ? '[redacted]' : value]),
    );
  for (const key of ['toJSON', Symbol.for('nodejs.util.inspect.custom')]) {
    Object.defineProperty(values, key, { value: printable, enumerable: false });
  }
  return values;
}

/** The values that may be printed nowhere, with those that are parts of others. */
export function secretsOf(config: Config): string[] {
  const values = SECRETS.map((name) => config[name]).filter((value) => value !== undefined);
  return [...values, ...values.flatMap(passwordsOf)];
}

/** What a URL has in it that opens something by itself. */
function passwordsOf(value: string): string[] {
  if (!URL.canParse(value)) return [];
  const { username, password } = new URL(value);
  // Whose password is their name has no secret, and it would be taken out of every line that has the name.
  if (password === '' || password === username) return [];
  return [password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isSecret(name: string): boolean {
  return (SECRETS as readonly string[]).includes(name);
}
