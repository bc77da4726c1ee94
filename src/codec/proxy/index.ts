/** codec/proxy: the PROXY protocol, version 2: what a load balancer says of the connection that it passes on. */
export { PROXY_HEADER_BYTES_MAX, ProxyError, type ProxyHeader, proxyHeaderBytes, readProxyHeader } from './header.ts';
