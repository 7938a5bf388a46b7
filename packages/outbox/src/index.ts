// The whole promise of semver, readable in one screen.
export {};
