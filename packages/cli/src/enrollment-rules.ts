import { type EnrollmentFiles, loadEnrollmentFiles } from '@cordon/server/enrollment'
import type { Output } from './output.ts'
import { printProblems } from './plant-file.ts'

/** Reads an enrollment file with everything that it names; undefined after every problem was printed. */
export async function enrollmentRules(output: Output, file: string): Promise<EnrollmentFiles | undefined> {
  const { files, problems } = await loadEnrollmentFiles(file)
  if (files === undefined) printProblems(output, problems)
  return files
}
