/** Loads the style sheet that the build has put beside a page's code. @param script  the page's `import.meta.url` */
export function stylesBeside(script: string): Promise<void> {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = script.replace(/\.js$/, '.css');
  const loaded = new Promise<void>((resolve, reject) => {
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => reject(new Error(`There is no ${link.href}.`)));
  });
  document.head.append(link);
  return loaded;
}
