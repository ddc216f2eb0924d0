import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { streamText } from 'ai';
import { MockLanguageModelV3, MockLanguageModelV4 } from 'ai/test';
import { defineAgent } from 'outlast';
import { describeAgent } from '../../src/agents/describe-agent.ts';
import type { AgentEntry } from '../../src/agents/load-agents.ts';
import { createModelRegistry, type ModelConfig } from '../../src/agents/model-registry.ts';

const keys = { openaiApiKey: 'sk-secret-1', anthropicApiKey: 'sk-secret-2', compatibleApiKey: 'sk-secret-3' };
const compatibleBaseUrl = 'http://127.0.0.1:9/v1';

describe('the default model', () => {
  test.each<[ModelConfig, string]>([
    [{}, 'demo:scripted'],
    [{ openaiApiKey: '' }, 'demo:scripted'],
    [keys, 'openai:gpt-5-mini'],
    [{ anthropicApiKey: 'k' }, 'anthropic:claude-sonnet-4-5'],
    [{ ...keys, compatibleBaseUrl, defaultModel: 'compatible:llama' }, 'compatible:llama'],
  ])('%# is %s', (config, id) => {
    const resolved = createModelRegistry(config).resolve(undefined);
    expect(resolved).toMatchObject({
      id,
      demo: id === 'demo:scripted',
      model: { specificationVersion: 'v4' },
    });
  });

  test('has to be named for a compatible server', () => {
    expect(() => createModelRegistry({ compatibleBaseUrl }).resolve(null)).toThrow(
      'OUTLAST_MODEL=compatible:<name>',
    );
  });
});

describe('a model by name', () => {
  test('is made by its provider, everything after the first colon being the model', () => {
    const models = createModelRegistry({ ...keys, compatibleBaseUrl });
    expect(models.resolve('openai:gpt-5').model).toMatchObject({
      provider: 'openai.responses',
      modelId: 'gpt-5',
    });
    expect(models.resolve('anthropic:claude-opus-4-5').model).toMatchObject({
      provider: 'anthropic.messages',
    });
    expect(models.resolve('compatible:llama3:8b').model).toMatchObject({ modelId: 'llama3:8b' });
    expect(models.resolve('demo:scripted')).toMatchObject({ demo: true, model: { provider: 'demo' } });
  });

  test.each([
    ['gpt-5', 'must be written as provider:model'],
    ['openai/gpt-5', 'must be written as provider:model'],
    ['openai:', 'must be written as provider:model'],
    ['openai:gpt-5', 'needs OPENAI_API_KEY'],
    ['anthropic:claude-opus-4-5', 'needs ANTHROPIC_API_KEY'],
    ['compatible:llama', 'needs OUTLAST_MODEL_BASE_URL'],
    ['gogle:gemini', 'is of an unknown provider'],
    ['constructor:x', 'is of an unknown provider'],
    ['demo:other', 'the only demo model is demo:scripted'],
  ])('%s is unavailable: %s', (id, message) => {
    expect(() => createModelRegistry({}).resolve(id)).toThrow(
      expect.objectContaining({ name: 'ModelUnavailable', message: expect.stringContaining(message) }),
    );
  });
});

test('a model object is used as it is, of whichever version', () => {
  for (const model of [new MockLanguageModelV4(), new MockLanguageModelV3()]) {
    expect(createModelRegistry({}).resolve(model)).toEqual({
      model,
      id: 'mock-provider:mock-model-id',
      demo: false,
    });
  }
});

test('a call goes to the server that was configured, and to no gateway', async () => {
  const models = createModelRegistry({ ...keys, compatibleBaseUrl, openaiBaseUrl: compatibleBaseUrl });
  for (const id of ['openai:gpt-5', 'compatible:llama']) {
    const errors: unknown[] = [];
    const { model } = models.resolve(id);
    const result = streamText({
      model,
      prompt: 'hi',
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    await result.consumeStream();
    expect(errors).toEqual([expect.objectContaining({ url: expect.stringContaining(compatibleBaseUrl) })]);
    expect(inspect(errors, { depth: 5, showHidden: true })).not.toContain('sk-secret');
  }
  expect(globalThis.AI_SDK_DEFAULT_PROVIDER).toBeUndefined();
});

test('keys do not show', () => {
  const models = createModelRegistry({ ...keys, compatibleBaseUrl });
  const shown = ['openai:gpt-5', 'anthropic:claude-opus-4-5', 'compatible:llama'].map((id) =>
    models.resolve(id),
  );
  for (const value of [models, ...shown]) {
    expect(JSON.stringify(value)).not.toContain('sk-secret');
    expect(inspect(value, { depth: 10, showHidden: true })).not.toContain('sk-secret');
  }
  for (const id of ['sk:x', 'openai', 'nope:nope']) {
    expect(() => models.resolve(id)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  }
});

describe('an agent as the API shows it', () => {
  const entry = (model?: string): AgentEntry => {
    const agent = defineAgent({ instructions: '', description: 'Nice', ...(model ? { model } : {}) });
    return { id: 'a', file: '/a.ts', agent, error: null };
  };

  test('names the model that it will be given', () => {
    const description = describeAgent(entry(), createModelRegistry({}));
    expect(description).toEqual({
      id: 'a',
      description: 'Nice',
      model: 'demo:scripted',
      demo: true,
      tools: [],
      error: null,
    });
  });

  test('has an error when its model is not to be had, or its file is broken', () => {
    const unavailable = describeAgent(entry('openai:gpt-5'), createModelRegistry({}));
    expect(unavailable).toMatchObject({
      model: 'openai:gpt-5',
      demo: false,
      error: expect.stringContaining('OPENAI_API_KEY'),
    });
    const broken: AgentEntry = { id: 'b', file: '/b.ts', agent: null, error: 'b.ts: no' };
    expect(describeAgent(broken, createModelRegistry({}))).toMatchObject({
      id: 'b',
      model: null,
      error: 'b.ts: no',
    });
  });
});
