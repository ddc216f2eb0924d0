import { join } from 'node:path';
import type { ChatTab } from './tab.ts';

const SIZES = { wide: { width: 1000, height: 800 }, narrow: { width: 400, height: 800 } };

/** With OUTLAST_SCREENSHOTS=folder: the page as it is, light and dark, wide and as on a telephone. */
export async function takePictures({ page }: ChatTab, name: string): Promise<void> {
  const folder = process.env['OUTLAST_SCREENSHOTS'];
  if (folder === undefined) return;
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) });
    }
  }
}
