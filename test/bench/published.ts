// Loaded before a client process: what is measured of ours is what npm would install, not its sources.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const url = resolved.url.replace(/\/packages\/(\w+)\/src\/([\w-]+)\.ts$/, '/packages/$1/dist/$2.js');
    return { ...resolved, url, ...(url !== resolved.url && { format: 'module' }) };
  },
});
