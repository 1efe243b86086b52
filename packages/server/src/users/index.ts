/**
 * People and programs that use the manager, and what they may do.
 * @module
 */
export { type Permission, permissions, permits, type Role, roleNames, roles } from './roles.ts'
