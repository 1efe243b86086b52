/** Why a device cannot be used: the ladder from the route to the policy, and the first rung that is broken. */
export { type Diagnosis, diagnose } from './diagnose.ts'
export { expectationOf, type PlantKnowledge } from './expectation.ts'
export type { DoctorOptions, PlantExpectation, Rung, RungVerdict } from './ladder.ts'
export { type DoctorCode, doctorCodes, doctorTable, type Finding } from './messages.ts'
export { type RungId, rungIds, rungTable } from './rungs.ts'
