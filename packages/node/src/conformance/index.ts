/** The conformance cases over real sockets. */
export { type ConformanceTarget, type OpenConformancePort, openConformancePort } from './port.ts'
