export function enterRelease(folder: string, name: string): { readonly folder: string; leave(): void };
