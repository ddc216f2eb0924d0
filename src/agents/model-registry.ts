import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { ProviderV4 } from '@ai-sdk/provider';
import { createProviderRegistry, customProvider, type LanguageModel } from 'ai';
import type { AgentModel } from './define-agent.ts';
import { createDemoModel } from './demo-model/model.ts';

export interface ModelConfig {
  openaiApiKey?: string | undefined;
  openaiBaseUrl?: string | undefined;
  anthropicApiKey?: string | undefined;
  anthropicBaseUrl?: string | undefined;
  /** Any server that speaks OpenAI's chat completions. */
  compatibleBaseUrl?: string | undefined;
  compatibleApiKey?: string | undefined;
  /** `provider:model`, for agents that name none. */
  defaultModel?: string | undefined;
}

export interface ResolvedModel {
  /** Never a string: the AI SDK would look that up at its own gateway. */
  model: Exclude<LanguageModel, string>;
  /** `provider:model` */
  id: string;
  demo: boolean;
}

export interface ModelRegistry {
  /**
   * @param model what the agent says; nothing = the server's default
   * @throws ModelUnavailable
   */
  resolve(model: AgentModel | null | undefined): ResolvedModel;
}

/** A model that this server cannot call. The message says what to set. */
export class ModelUnavailable extends Error {
  override name = 'ModelUnavailable';
}

const demoId = 'demo:scripted';

/** What has to be set for a provider to be there. */
const settings: Record<string, string> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
  compatible: 'OUTLAST_MODEL_BASE_URL',
};

/** The models that agents can name. Keys stay in the closures of the providers. */
export function createModelRegistry(config: ModelConfig): ModelRegistry {
  const providers = createProviders(config);
  const registry = createProviderRegistry(providers, { separator: ':' });
  const lookUp = (id: string): ResolvedModel => {
    checkId(id, providers);
    return { model: registry.languageModel(id as `${string}:${string}`), id, demo: id === demoId };
  };
  return Object.freeze({
    resolve(model: AgentModel | null | undefined) {
      if (typeof model === 'string') return lookUp(model);
      return model ? resolveInstance(model) : lookUp(defaultModel(config));
    },
  });
}

/** `provider:model` of what an agent says, without asking whether it can be called; null = the server's default. */
export function modelId(model: AgentModel | null): string | null {
  if (model === null || typeof model === 'string') return model;
  return `${model.provider}:${model.modelId}`;
}

function createProviders(config: ModelConfig): Record<string, ProviderV4> {
  const { openaiApiKey, anthropicApiKey, compatibleBaseUrl } = config;
  const providers: Record<string, ProviderV4> = {
    demo: customProvider({ languageModels: { scripted: createDemoModel() } }),
  };
  if (openaiApiKey) {
    providers.openai = createOpenAI({ apiKey: openaiApiKey, ...baseUrl(config.openaiBaseUrl) });
  }
  if (anthropicApiKey) {
    providers.anthropic = createAnthropic({ apiKey: anthropicApiKey, ...baseUrl(config.anthropicBaseUrl) });
  }
  if (compatibleBaseUrl) {
    providers.compatible = createOpenAICompatible({
      name: 'compatible',
      baseURL: compatibleBaseUrl,
      // Without it these servers report no tokens in a stream.
      includeUsage: true,
      ...(config.compatibleApiKey ? { apiKey: config.compatibleApiKey } : {}),
    });
  }
  return providers;
}

function baseUrl(url: string | undefined): { baseURL?: string } {
  return url ? { baseURL: url } : {};
}

function defaultModel(config: ModelConfig): string {
  if (config.defaultModel) return config.defaultModel;
  if (config.openaiApiKey) return 'openai:gpt-5-mini';
  if (config.anthropicApiKey) return 'anthropic:claude-sonnet-4-5';
  if (!config.compatibleBaseUrl) return demoId;
  throw new ModelUnavailable(
    'Which model of OUTLAST_MODEL_BASE_URL should be used? Set OUTLAST_MODEL=compatible:<name>',
  );
}

function checkId(id: string, providers: Record<string, ProviderV4>): void {
  const [, provider = '', name] = /^([^:]*):(.+)$/.exec(id) ?? [];
  if (!name)
    throw new ModelUnavailable(`Model "${id}" must be written as provider:model, e.g. openai:gpt-5-mini`);
  if (id.startsWith('demo:') && id !== demoId) {
    throw new ModelUnavailable(`There is no model "${id}": the only demo model is ${demoId}`);
  }
  if (Object.hasOwn(providers, provider)) return;
  const setting = Object.hasOwn(settings, provider) ? settings[provider] : null;
  throw new ModelUnavailable(
    setting
      ? `Model "${id}" needs ${setting} to be set`
      : `Model "${id}" is of an unknown provider: use openai:…, anthropic:…, compatible:… or ${demoId}, or give the agent a model object of the AI SDK`,
  );
}

function resolveInstance(model: Exclude<LanguageModel, string>): ResolvedModel {
  const id = `${model.provider}:${model.modelId}`;
  return { model, id, demo: id === demoId };
}
