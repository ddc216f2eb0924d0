import { spawnSync } from 'node:child_process';
import vm from 'node:vm';

// Native ES modules in Jest need a flag of Node. A bare `npx jest` has not got it: it starts itself again.
if (!vm.SourceTextModule) {
  const flags = ['--experimental-vm-modules'];
  if (process.allowedNodeEnvironmentFlags.has('--disable-warning')) {
    flags.push('--disable-warning=ExperimentalWarning');
  }
  const args = [...flags, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  process.exit(status ?? 1);
}

/** @type {import('jest').Config} */
export default {
  // Never the whole folder: the database under .outlast/ belongs to another user and cannot be read.
  roots: ['<rootDir>/tests', '<rootDir>/src', '<rootDir>/workflows', '<rootDir>/agents'],
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' } }],
  },
  testEnvironment: '<rootDir>/tests/support/environment.js',
  testEnvironmentOptions: { customExportConditions: ['outlast-source', 'node', 'node-addons'] },
  globalSetup: '<rootDir>/tests/support/global-setup.ts',
  globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
  testTimeout: 30_000,
  // One more than CI has cores: most of what these tests do is wait for processes to die and to come back.
  maxWorkers: 3,
};
