export { default } from '../../../agents/operator.ts';
