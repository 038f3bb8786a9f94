/** Where the API has a host, for requests to copy. */
export const pathOfHost = (name: string): string => `/v1/hosts/${encodeURIComponent(name)}`;
